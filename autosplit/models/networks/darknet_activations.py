"""The activations that Darknet names.

Each is written as a chain of operators on one tensor where that is possible, so that a captured
network absorbs it into the convolution before.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from autosplit.errors import did_you_mean
from autosplit.models.networks.darknet_section import Section

Activation = Callable[[Tensor], Tensor]


def _bent(x: Tensor, slope: float) -> Tensor:
    """Identity in 0..1, another slope outside."""
    return 1 - functional.leaky_relu(1 - functional.leaky_relu(x, slope), slope)


def _stair(x: Tensor) -> Tensor:
    """Flat from an even number to the next, rising by 1 from an odd one to the next."""
    step = (x / 2).floor()
    return step + (x - 2 * step - 1).clamp_min(0)


def _hard_mish(x: Tensor) -> Tensor:
    """0 up to -2, x up from 0, and x^2 / 2 + x between."""
    return torch.where(x > 0, x, (x.clamp(-2, 0) + 2) * x.clamp(-2, 0) / 2)


def hard_sigmoid(x: Tensor) -> Tensor:
    """relu6(x + 3) / 6 (Howard et al. 2019, arXiv 1905.02244, section 5.2)."""
    return functional.relu6(x + 3) / 6


def _share_of_channels(x: Tensor) -> Tensor:
    """Positive part over the sum of the positive parts of all channels of the pixel."""
    positive = functional.relu(x)
    return positive / (positive.sum(1, keepdim=True) + _CHANNELS_EPS)


def _softmax_of_channels(x: Tensor, *, shifted: bool) -> Tensor:
    """Softmax over the channels of each pixel, with Darknet's small number in the divisor."""
    powers = (x - x.amax(1, keepdim=True) if shifted else x).exp()
    return powers / (powers.sum(1, keepdim=True) + _CHANNELS_EPS)


_CHANNELS_EPS = 1e-4
"""What Darknet adds to a sum over channels before it divides."""
DARKNET_ACTIVATIONS: dict[str, Activation] = {
    "linear": lambda x: x,
    "logistic": torch.sigmoid,
    "loggy": lambda x: 2 * torch.sigmoid(x) - 1,
    "relu": functional.relu,
    "relu6": functional.relu6,
    "elu": functional.elu,
    "selu": functional.selu,
    "relie": lambda x: functional.leaky_relu(x, 0.01),
    "ramp": lambda x: 1.1 * functional.leaky_relu(x, 0.1 / 1.1),  # relu(x) + x / 10
    "leaky": lambda x: functional.leaky_relu(x, 0.1),
    "tanh": torch.tanh,
    "hardtan": lambda x: x.clamp(-1, 1),
    "lhtan": lambda x: _bent(x, 0.001),
    "plse": lambda x: _bent(x / 8 + 0.5, 0.08),
    "stair": _stair,
    "revleaky": lambda x: functional.leaky_relu(x, 0.1),
    "swish": functional.silu,
    "h_swish": lambda x: x * hard_sigmoid(x),
    "mish": functional.mish,
    "hard_mish": _hard_mish,
    "gelu": lambda x: functional.gelu(x, approximate="tanh"),
    "normalize_channels": _share_of_channels,
    "normalize_channels_softmax": lambda x: _softmax_of_channels(x, shifted=False),
    "normalize_channels_softmax_maxval": lambda x: _softmax_of_channels(x, shifted=True),
}
"""Name in a ``.cfg`` file -> function."""
OTHER_NAMES = {
    "none": ", which is relu to Darknet and linear to other programs; write the one that is meant",
    "identity": ", which is relu to Darknet; write linear",
    "silu": ", which is relu to Darknet; write swish",
    "sigmoid": ", which is relu to Darknet; write logistic",
    "prelu": ", its slopes are not in Darknet's weights",
}
"""Name that Darknet does not know, so that it takes relu -> what to do, for errors."""


def activation_of(section: Section, default: str) -> Activation:
    """Return the activation that a section names.

    Raises:
        ModelError: There is none of that name.
    """
    name = section.options.get("activation", default)
    if name not in DARKNET_ACTIVATIONS:
        near = OTHER_NAMES.get(name.lower()) or did_you_mean(name.lower(), DARKNET_ACTIVATIONS)
        raise section.error(f"unknown activation {name!r}{near}", "activation")
    return DARKNET_ACTIVATIONS[name]
