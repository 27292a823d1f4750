"""The activations that Darknet names.

Each is written as a chain of operators on one tensor where that is possible, so that a captured
network absorbs it into the convolution before.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

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
    "swish": functional.silu,
    "mish": functional.mish,
    "hard_mish": _hard_mish,
    "gelu": lambda x: functional.gelu(x, approximate="tanh"),
}
"""Name in a ``.cfg`` file -> function."""
