"""The second moment of a layer's inputs, and the error of outputs that it gives."""

from __future__ import annotations

import torch
from torch import Tensor

DAMPING = 0.01
"""Share of the mean of H's diagonal that is added to it, so that it can be inverted."""
FEW_SAMPLES = 0.1
"""The share is at least this many times columns per sample."""


def damped_moment(moment: Tensor, samples: float) -> Tensor:
    """A second moment that can be inverted: a share of its mean diagonal is added to the diagonal.

    The share is ``DAMPING``, or ``FEW_SAMPLES`` times columns per sample if that is more.  Weights
    whose effect few samples leave open are then rounded to the nearest, and not to fit the samples.

    Args:
        moment: H, shape (..., K, K); of zeros the identity is returned.
        samples: How many samples it was taken over.
    """
    size = moment.shape[-1]
    mean = moment.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None]
    eye = torch.eye(size, dtype=moment.dtype)
    share = max(DAMPING, FEW_SAMPLES * size / samples)
    return torch.where(mean > 0, moment + share * mean * eye, eye)


def output_error(weight: Tensor, rounded: Tensor, moment: Tensor) -> Tensor:
    """Squared error of the outputs per row, tr e H e^T, shape (..., C)."""
    error = weight - rounded
    return ((error @ moment) * error).sum(-1)
