"""Darknet's layers of YOLOv1 and of classifiers: connected, local, batch normalization, crop."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from autosplit.models.networks.darknet_activations import activation_of
from autosplit.models.networks.darknet_section import Section
from autosplit.models.networks.darknet_shape import BATCH_NORM_EPS, BuiltLayer, FeatureShape


class Connected(nn.Linear):
    """A linear map of all numbers of the input, batch normalization if asked for, activation."""

    def __init__(self, inputs: int, section: Section) -> None:
        outputs = section.integer("output", 1, 1)
        normalized = bool(section.integer("batch_normalize", 0))
        super().__init__(inputs, outputs, bias=not normalized)
        self.norm = nn.BatchNorm1d(outputs, BATCH_NORM_EPS) if normalized else None
        self.activation = activation_of(section, "logistic")

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, output, 1, 1)."""
        flat = super().forward(features.flatten(1))
        if self.norm is not None:
            flat = self.norm(flat)
        return self.activation(flat)[:, :, None, None]


class Local(nn.Module):
    """A convolution whose weights differ from pixel to pixel, then the activation.

    Attributes:
        weight: Shape (pixels of the output, filters, C * size * size), rows of pixels first.
        bias: Shape (filters, pixels of the output).
    """

    def __init__(self, channels: int, section: Section, out: FeatureShape) -> None:
        super().__init__()
        self.size, self.stride = section.integer("size", 1, 1), section.integer("stride", 1, 1)
        self.pad = 1 if section.integer("pad", 0) else 0  # Darknet pads one pixel, whatever size is
        self.out = out
        filters, height, width = out
        taps = channels * self.size**2
        self.weight = nn.Parameter(torch.randn(height * width, filters, taps) / taps**0.5)
        self.bias = nn.Parameter(torch.zeros(filters, height * width))
        self.activation = activation_of(section, "logistic")

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, filters, H', W')."""
        columns = functional.unfold(features, self.size, padding=self.pad, stride=self.stride)
        rows = columns.permute(2, 1, 0)  # pixels, taps, images
        found = (self.weight @ rows).permute(2, 1, 0) + self.bias
        return self.activation(found.reshape(-1, *self.out))


class Crop(nn.Module):
    """The middle of the input, its values 0..1 made -1..1 unless ``noadjust``."""

    def __init__(self, section: Section, height: int, width: int) -> None:
        super().__init__()
        self.height = section.integer("crop_height", 1, 1)
        self.width = section.integer("crop_width", 1, 1)
        self.top, self.left = (height - self.height) // 2, (width - self.width) // 2
        self.adjust = not section.integer("noadjust", 0)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, crop_height, crop_width)."""
        rows = images[:, :, self.top : self.top + self.height]
        middle = rows[..., self.left : self.left + self.width]
        return middle * 2 - 1 if self.adjust else middle


def build_connected(section: Section, inputs: Sequence[FeatureShape]) -> BuiltLayer:
    """Make a linear layer."""
    channels, height, width = inputs[0]
    module = Connected(channels * height * width, section)
    return module, (module.out_features, 1, 1)


def build_local(section: Section, inputs: Sequence[FeatureShape]) -> BuiltLayer:
    """Make a locally connected layer (``local_out_height`` of Darknet)."""
    channels, height, width = inputs[0]
    size, stride = section.integer("size", 1, 1), section.integer("stride", 1, 1)
    lost = 1 if section.integer("pad", 0) else size
    if section.integer("pad", 0) and size != 3:
        raise section.error(f"pad=1 must go with size=3, got size={size}")
    out = (
        section.integer("filters", 1, 1),
        (height - lost) // stride + 1,
        (width - lost) // stride + 1,
    )
    if min(out) < 1:
        raise section.error(f"size must be at most the input's, {height} by {width}, got {size}")
    return Local(channels, section, out), out


def build_batchnorm(section: Section, inputs: Sequence[FeatureShape]) -> BuiltLayer:  # noqa: ARG001 - one signature
    """Make a batch normalization."""
    return nn.BatchNorm2d(inputs[0][0], BATCH_NORM_EPS), inputs[0]


def build_crop(section: Section, inputs: Sequence[FeatureShape]) -> BuiltLayer:
    """Make a crop of the middle.

    Raises:
        ModelError: It is larger than the input.
    """
    channels, height, width = inputs[0]
    module = Crop(section, height, width)
    if module.height > height or module.width > width:
        raise section.error(
            f"must lie within {height} by {width}, got {module.height} by {module.width}"
        )
    return module, (channels, module.height, module.width)
