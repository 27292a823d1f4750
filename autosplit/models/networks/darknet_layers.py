"""Modules of Darknet's commonest sections, shapes of their outputs, and the table of all kinds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from autosplit.graph.graphfile import by_x
from autosplit.models.networks.darknet_activations import activation_of
from autosplit.models.networks.darknet_dense import (
    build_batchnorm,
    build_connected,
    build_crop,
    build_local,
)
from autosplit.models.networks.darknet_gates import (
    build_channel_scale,
    build_sam,
    build_squeeze_excitation,
)
from autosplit.models.networks.darknet_options import HEADS, NO_SHAPE
from autosplit.models.networks.darknet_reorg import build_reorg, build_reorg3d
from autosplit.models.networks.darknet_section import Section
from autosplit.models.networks.darknet_shape import (
    BATCH_NORM_EPS,
    BuiltLayer,
    FeatureShape,
    build_same,
    strides_of,
)
from autosplit.models.networks.darknet_shortcut import build_shortcut


class Convolutional(nn.Conv2d):
    """Convolution, then batch normalization if the section asks for it, then the activation.

    ``pad=1`` keeps the size of the input whatever the dilation is, as in Darknet.  A depthwise
    section is a convolution of as many groups as there are channels.
    """

    def __init__(self, channels: int, section: Section) -> None:
        filters, size = section.integer("filters", 1, 1), section.integer("size", 1, 1)
        normalized = bool(section.integer("batch_normalize", 0))
        dilation = section.integer("dilation", 1, 1) if size > 1 else 1
        same = size // 2 * dilation
        super().__init__(
            channels,
            filters,
            size,
            strides_of(section),
            same if section.integer("pad", 0) else section.integer("padding", 0),
            dilation,
            channels if section.kind == "depthwise" else section.integer("groups", 1, 1),
            bias=not normalized,
        )
        self.norm = nn.BatchNorm2d(filters, BATCH_NORM_EPS) if normalized else None
        self.activation = activation_of(section, "logistic")

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
        self.strides = strides_of(section)
        self.size = section.integer("size", section.integer("stride", 1, 1), 1)
        self.padding = section.integer("padding", self.size - 1)

    def out(self, pixels: int, axis: int) -> int:
        """Height (axis 0) or width (axis 1) of the output."""
        return (pixels + self.padding - self.size) // self.strides[axis] + 1

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, out(H, 0), out(W, 1))."""
        before = self.padding // 2
        after = [
            max(0, (self.out(pixels, axis) - 1) * self.strides[axis] + self.size - before - pixels)
            for axis, pixels in enumerate(features.shape[2:])
        ]
        if after == [before, before] and before <= self.size // 2:
            return functional.max_pool2d(features, self.size, self.strides, before)
        if before or any(after):
            border = (before, after[1], before, after[0])
            features = functional.pad(features, border, value=-torch.inf)
        return functional.max_pool2d(features, self.size, self.strides)


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


class Upsample(nn.Upsample):
    """Each pixel repeated, times a number."""

    def __init__(self, section: Section) -> None:
        super().__init__(scale_factor=section.integer("stride", 2, 1))
        self.scale = section.number_of("scale", 1)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, stride * H, stride * W)."""
        repeated = super().forward(features)
        return repeated if self.scale == 1 else repeated * self.scale


def _convolutional(section: Section, inputs: Sequence[FeatureShape]) -> BuiltLayer:
    channels, height, width = inputs[0]
    groups, filters = section.integer("groups", 1, 1), section.integer("filters", 1, 1)
    groups = channels if section.kind == "depthwise" else groups
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
    return module, (channels, module.out(height, 0), module.out(width, 1))


def _avgpool(section: Section, inputs: Sequence[FeatureShape]) -> BuiltLayer:  # noqa: ARG001 - one signature
    return nn.AdaptiveAvgPool2d(1), (inputs[0][0], 1, 1)


def _upsample(section: Section, inputs: Sequence[FeatureShape]) -> BuiltLayer:
    channels, height, width = inputs[0]
    factor = section.integer("stride", 2, 1)
    return Upsample(section), (channels, factor * height, factor * width)


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


def usual_shape(section: Section, inputs: Sequence[FeatureShape]) -> FeatureShape | None:
    """Shape of the output if nothing were wrong with a layer; None where a fault hides it.

    A file's later layers are checked with this shape, so that all problems are told at once.
    """
    if section.kind in _KEEPS:
        return inputs[_KEEPS[section.kind]]
    if section.kind == "route" and not section.wrong:
        channels = sum(shape[0] for shape in inputs) // section.integer("groups", 1, 1)
        return channels, *inputs[0][1:]
    if section.kind in ("convolutional", "depthwise") and section.wrong <= NO_SHAPE | {"groups"}:
        convolution = replace(section.without("groups"), kind="convolutional")
        with torch.device("meta"):
            _, shape = _convolutional(convolution, inputs)
        return shape if min(shape) > 0 else None
    return None


_KEEPS = dict.fromkeys("shortcut batchnorm se dropout softmax cost".split(), 0)
_KEEPS |= dict.fromkeys(HEADS, 0) | {"scale_channels": 1, "sam": 1}
"""Kind of section -> which of its inputs has the shape of its output."""
BUILDERS: dict[str, Callable[[Section, Sequence[FeatureShape]], BuiltLayer]] = {
    "convolutional": _convolutional,
    "depthwise": _convolutional,
    "connected": build_connected,
    "local": build_local,
    "batchnorm": build_batchnorm,
    "maxpool": _maxpool,
    "avgpool": _avgpool,
    "upsample": _upsample,
    "route": _route,
    "reorg": build_reorg,
    "reorg3d": build_reorg3d,
    "shortcut": build_shortcut,
    "scale_channels": build_channel_scale,
    "sam": build_sam,
    "se": build_squeeze_excitation,
    "crop": build_crop,
    "yolo": build_same,
    "Gaussian_yolo": build_same,
    "region": build_same,
    "detection": build_same,
    "dropout": build_same,
    "softmax": build_same,
    "cost": build_same,
}
"""Kind of section -> the function that makes its module."""
