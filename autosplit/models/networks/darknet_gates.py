"""Darknet's layers that multiply: channel attention, spatial attention, squeeze and excitation."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from autosplit.graph.graphfile import by_x
from autosplit.models.networks.darknet_activations import activation_of, hard_sigmoid
from autosplit.models.networks.darknet_section import Section
from autosplit.models.networks.darknet_shape import BuiltLayer, FeatureShape


class Product(nn.Module):
    """Product of two outputs, one perhaps of one pixel or one channel; then an activation."""

    def __init__(self, section: Section) -> None:
        super().__init__()
        self.activation = activation_of(section, "linear")

    def forward(self, factors: Tensor, features: Tensor) -> Tensor:
        """Map (N, C or 1, H or 1, W or 1) and (N, C, H, W) to (N, C, H, W)."""
        return self.activation(features * factors)


class SqueezeExcitation(nn.Module):
    """Every channel times a number that is computed of the means of all channels.

    Hu et al. 2018, arXiv 1709.01507, equations 2 to 4, with the hard sigmoid of MobileNetV3 and
    without biases, as SpursLipu's YOLOv3v4-ModelCompression has it.

    Attributes:
        squeeze, excite: The two linear maps, as convolutions of one pixel.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.excite = nn.Conv2d(channels // reduction, channels, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        means = functional.adaptive_avg_pool2d(features, 1)
        return features * hard_sigmoid(self.excite(functional.relu(self.squeeze(means))))


def build_channel_scale(section: Section, inputs: Sequence[FeatureShape]) -> BuiltLayer:
    """Multiply each channel of an earlier layer, or each pixel of it with ``scale_wh``.

    Raises:
        ModelError: The layer before has not one number for each.
    """
    factors, features = inputs
    wanted = (1, *features[1:]) if section.integer("scale_wh", 0) else (features[0], 1, 1)
    if factors != wanted:
        raise section.error(
            f"must scale {by_x(features)} by {by_x(wanted)}, the layer before is {by_x(factors)}"
        )
    return Product(section), features


def build_sam(section: Section, inputs: Sequence[FeatureShape]) -> BuiltLayer:
    """Multiply two layers of one shape, as in spatial attention (Woo et al. 2018, section 3).

    Raises:
        ModelError: They are of two shapes.
    """
    if inputs[0] != inputs[1]:
        raise section.error(
            f"must multiply layers of one shape, got {by_x(inputs[0])} and {by_x(inputs[1])}"
        )
    return Product(section), inputs[1]


def build_squeeze_excitation(section: Section, inputs: Sequence[FeatureShape]) -> BuiltLayer:
    """Make a squeeze and excitation of all channels of the layer before.

    Raises:
        ModelError: ``filters`` is another number of channels, or too few channels would be left.
    """
    channels = inputs[0][0]
    filters, reduction = section.integer("filters", channels, 1), section.integer("reduction", 4, 1)
    if filters != channels:
        raise section.error(f"filters must be the {channels} channels it reads, got {filters}")
    if channels < reduction:
        raise section.error(f"must have at least {reduction} channels to reduce, got {channels}")
    return SqueezeExcitation(channels, reduction), inputs[0]
