"""The module of each kind of Darknet section, and the shape of its output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from autosplit.errors import did_you_mean
from autosplit.graph.graphfile import by_x
from autosplit.models.networks.darknet_activations import DARKNET_ACTIVATIONS, Activation
from autosplit.models.networks.darknet_cfg import Section

FeatureShape = tuple[int, int, int]
"""Channels, height and width of a layer's output."""
BATCH_NORM_EPS = 1e-5
"""Darknet adds this to a variance on a GPU; on a CPU it adds 1e-6 to the standard deviation."""


class Convolutional(nn.Conv2d):
    """Convolution, then batch normalization if the section asks for it, then the activation."""

    def __init__(self, channels: int, section: Section) -> None:
        filters, size = section.integer("filters", 1, 1), section.integer("size", 1, 1)
        padding = section.integer("padding", 0)
        normalized = bool(section.integer("batch_normalize", 0))
        super().__init__(
            channels,
            filters,
            size,
            section.integer("stride", 1, 1),
            size // 2 if section.integer("pad", 0) else padding,
            section.integer("dilation", 1, 1),
            section.integer("groups", 1, 1),
            bias=not normalized,
        )
        self.norm = nn.BatchNorm2d(filters, BATCH_NORM_EPS) if normalized else None
        self.activation = _activation(section, "logistic")

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, filters, H', W')."""
        features = super().forward(features)
        if self.norm is not None:
            features = self.norm(features)
        return self.activation(features)


class MaxPool(nn.Module):
    """Largest value of each window, over a border that never wins.

    Darknet pads ``padding`` pixels in all, the smaller half of them left and above; by default
    ``size - 1``, so that a window of 2 pixels at stride 1 keeps the size.
    """

    def __init__(self, section: Section) -> None:
        super().__init__()
        self.stride = section.integer("stride", 1, 1)
        self.size = section.integer("size", self.stride, 1)
        self.padding = section.integer("padding", self.size - 1)

    def out(self, pixels: int) -> int:
        """Height or width of the output."""
        return (pixels + self.padding - self.size) // self.stride + 1

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, out(H), out(W))."""
        before = self.padding // 2
        after = [
            max(0, (self.out(pixels) - 1) * self.stride + self.size - before - pixels)
            for pixels in features.shape[2:]
        ]
        if after == [before, before] and before <= self.size // 2:
            return functional.max_pool2d(features, self.size, self.stride, before)
        if before or any(after):
            border = (before, after[1], before, after[0])
            features = functional.pad(features, border, value=-torch.inf)
        return functional.max_pool2d(features, self.size, self.stride)


class Route(nn.Module):
    """Earlier outputs side by side, or one group of the channels of each."""

    def __init__(self, section: Section) -> None:
        super().__init__()
        self.groups = section.integer("groups", 1, 1)
        self.group = section.integer("group_id", 0)
        if self.group >= self.groups:
            raise section.error(f"group_id must be below groups={self.groups}, got {self.group}")

    def forward(self, *features: Tensor) -> Tensor:
        """Map several (N, C, H, W) to one (N, sum of C / groups, H, W)."""
        if self.groups > 1:
            features = tuple(part.chunk(self.groups, 1)[self.group] for part in features)
        return features[0] if len(features) == 1 else torch.cat(features, 1)


class Shortcut(nn.Module):
    """Sum of two outputs, then an activation."""

    def __init__(self, section: Section) -> None:
        super().__init__()
        self.activation = _activation(section, "linear")

    def forward(self, features: Tensor, earlier: Tensor) -> Tensor:
        """Map two tensors of one shape to their sum."""
        return self.activation(features + earlier)


def _activation(section: Section, default: str) -> Activation:
    name = section.options.get("activation", default)
    if name not in DARKNET_ACTIVATIONS:
        raise section.error(f"unknown activation {name!r}{did_you_mean(name, DARKNET_ACTIVATIONS)}")
    return DARKNET_ACTIVATIONS[name]


BuiltLayer = tuple[nn.Module, FeatureShape]
"""A layer's module and the shape of its output."""


def _convolutional(section: Section, inputs: Sequence[FeatureShape]) -> BuiltLayer:
    channels, height, width = inputs[0]
    groups, filters = section.integer("groups", 1, 1), section.integer("filters", 1, 1)
    if channels % groups or filters % groups:
        raise section.error(
            f"channels and filters must be multiples of groups={groups}, got {channels} channels "
            f"and {filters} filters"
        )
    module = Convolutional(channels, section)
    sides = []
    for i, side in enumerate((height, width)):
        span = module.dilation[i] * (module.kernel_size[i] - 1) + 1
        sides.append((side + 2 * int(module.padding[i]) - span) // module.stride[i] + 1)
    return module, (filters, sides[0], sides[1])


def _maxpool(section: Section, inputs: Sequence[FeatureShape]) -> BuiltLayer:
    channels, height, width = inputs[0]
    module = MaxPool(section)
    return module, (channels, module.out(height), module.out(width))


def _avgpool(section: Section, inputs: Sequence[FeatureShape]) -> BuiltLayer:  # noqa: ARG001 - one signature
    return nn.AdaptiveAvgPool2d(1), (inputs[0][0], 1, 1)


def _upsample(section: Section, inputs: Sequence[FeatureShape]) -> BuiltLayer:
    channels, height, width = inputs[0]
    factor = section.integer("stride", 2, 1)
    return nn.Upsample(scale_factor=factor), (channels, factor * height, factor * width)


def _route(section: Section, inputs: Sequence[FeatureShape]) -> BuiltLayer:
    module = Route(section)
    for first, second in pairwise(inputs):
        if first[1:] != second[1:]:
            raise section.error(
                f"layers must have one height and width, got {by_x(first)} and {by_x(second)}"
            )
    for channels, *_ in inputs:
        if channels % module.groups:
            raise section.error(
                f"channels must be a multiple of groups={module.groups}, got {channels}"
            )
    return module, (sum(shape[0] for shape in inputs) // module.groups, *inputs[0][1:])


def _shortcut(section: Section, inputs: Sequence[FeatureShape]) -> BuiltLayer:
    if inputs[0] != inputs[1]:
        raise section.error(
            f"must add layers of one shape, got {by_x(inputs[0])} and {by_x(inputs[1])}"
        )
    return Shortcut(section), inputs[0]


def _same(section: Section, inputs: Sequence[FeatureShape]) -> BuiltLayer:  # noqa: ARG001 - one signature
    """Dropout, softmax and yolo sections hand on the tensor that they read."""
    return nn.Identity(), inputs[0]


BUILDERS: dict[str, Callable[[Section, Sequence[FeatureShape]], BuiltLayer]] = {
    "convolutional": _convolutional,
    "maxpool": _maxpool,
    "avgpool": _avgpool,
    "upsample": _upsample,
    "route": _route,
    "shortcut": _shortcut,
    "yolo": _same,
    "dropout": _same,
    "softmax": _same,
}
"""Kind of section -> the function that makes its module."""
