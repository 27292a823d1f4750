"""Darknet's shortcut: the sum of the layer before and of earlier layers, weighted or not."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from autosplit.graph.graphfile import by_x
from autosplit.models.networks.darknet_activations import activation_of
from autosplit.models.networks.darknet_options import WEIGHTS_NORMS, WEIGHTS_TYPES, WORDS
from autosplit.models.networks.darknet_section import Section
from autosplit.models.networks.darknet_shape import BuiltLayer, FeatureShape

EPS = 1e-4
"""What Darknet adds to the sum of the weights before it divides by the sum."""
LEAST_SHARE = 1e-3
"""Least weight with ``weights_normalization=relu`` (``lrelu`` of Darknet)."""


class Shortcut(nn.Module):
    """Sum of outputs, then an activation.

    The sum has the channels of the layer before.  An earlier layer of fewer channels adds to the
    first of them, and of an earlier layer of more channels only the first count.  Of an earlier
    layer of more pixels every so many-th counts, as in pjreddie's Darknet.  With
    ``weights_type`` each layer of the sum has a weight, one in all or one a channel (Tan et al.
    2020, arXiv 1911.09070, section 3.3: fast normalized fusion is ``weights_normalization=relu``).

    Attributes:
        weights: Shape (layers, 1) or (layers, C); None for a plain sum.
    """

    def __init__(self, section: Section, inputs: Sequence[FeatureShape]) -> None:
        super().__init__()
        self.activation = activation_of(section, "linear")
        self.steps = tuple(shape[1] // inputs[0][1] for shape in inputs)
        kind, norm = (
            section.choice(key, WORDS[key], "none")
            for key in ("weights_type", "weights_normalization")
        )
        self.norm = WEIGHTS_NORMS[norm]
        self.weights: nn.Parameter | None = None
        if WEIGHTS_TYPES[kind]:
            columns = inputs[0][0] if WEIGHTS_TYPES[kind] == "channel" else 1
            self.weights = nn.Parameter(torch.ones(len(inputs), columns))

    def forward(self, features: Tensor, *earlier: Tensor) -> Tensor:
        """Add tensors of one height and width; the result has the shape of the first."""
        shares = None if self.weights is None else self._shares(self.weights)
        total = features if shares is None else features * shares[0]
        for place, tensor in enumerate(earlier, 1):
            step = self.steps[place]
            other = tensor[:, :, ::step, ::step] if step > 1 else tensor
            total = self._add(total, other, None if shares is None else shares[place])
        return self.activation(total)

    def _shares(self, weights: Tensor) -> Tensor:
        """Weights as they multiply, (layers, 1 or C, 1, 1)."""
        if self.norm == "softmax":
            weights = (weights - weights.amax(0)).exp()
        elif self.norm == "relu":
            weights = weights.clamp_min(LEAST_SHARE)
        if self.norm:
            weights = weights / (weights.sum(0) + EPS)
        return weights[:, :, None, None]

    def _add(self, total: Tensor, other: Tensor, share: Tensor | None) -> Tensor:
        have, add = total.shape[1], min(total.shape[1], other.shape[1])
        if other.shape[1] > add:
            other = other[:, :add]
        if share is not None:
            other = other * (share[:add] if len(share) > 1 else share)
        if add == have:
            return total + other
        return torch.cat([total[:, :add] + other, total[:, add:]], 1)


def build_shortcut(section: Section, inputs: Sequence[FeatureShape]) -> BuiltLayer:
    """Make a shortcut.

    Raises:
        ModelError: An earlier layer has fewer pixels than the layer before, or no multiple of its
            pixels, or an option is wrong.
    """
    for other in inputs[1:]:
        step = other[1] // inputs[0][1]
        if not step or (inputs[0][1] * step, inputs[0][2] * step) != other[1:]:
            raise section.error(
                f"must add layers of one height and width, got {by_x(inputs[0])} and {by_x(other)}"
            )
    return Shortcut(section, inputs), inputs[0]
