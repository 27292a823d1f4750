"""Darknet's reorg: pixels of a square become channels of one pixel."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from autosplit.models.networks.darknet_section import Section
from autosplit.models.networks.darknet_shape import BuiltLayer, FeatureShape


class Reorg(nn.Module):
    """The reorg of YOLOv2, which is no plain space to depth.

    Darknet reads its input as C / stride^2 channels of stride * H by stride * W pixels, and writes
    pixel (stride * i + a, stride * j + b) of channel c to pixel (i, j) of channel
    (stride * a + b) * C / stride^2 + c of an H by W picture (``reorg_cpu``).  Of the result it
    takes the same numbers as C * stride^2 channels of H / stride by W / stride pixels.
    """

    def __init__(self, stride: int, shape: FeatureShape) -> None:
        super().__init__()
        self.stride = stride
        self.shape = shape

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, stride^2 C, H / stride, W / stride)."""
        step, (channels, height, width) = self.stride, self.shape
        squares = features.reshape(-1, channels // step**2, height, step, width, step)
        moved = squares.permute(0, 3, 5, 1, 2, 4)
        return moved.reshape(-1, channels * step**2, height // step, width // step)


class Reorg3d(nn.Module):
    """Space to depth: the squares' places vary slowest, then the channels."""

    def __init__(self, stride: int, shape: FeatureShape) -> None:
        super().__init__()
        self.stride = stride
        self.shape = shape

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, stride^2 C, H / stride, W / stride)."""
        step, (channels, height, width) = self.stride, self.shape
        squares = features.reshape(-1, channels, height // step, step, width // step, step)
        moved = squares.permute(0, 3, 5, 1, 2, 4)
        return moved.reshape(-1, channels * step**2, height // step, width // step)


def build_reorg(section: Section, inputs: Sequence[FeatureShape]) -> BuiltLayer:
    """Make YOLOv2's reorg.

    Raises:
        ModelError: Channels or pixels are no multiples of what is taken together.
    """
    stride = section.integer("stride", 1, 1)
    if inputs[0][0] % stride**2:
        raise section.error(
            f"channels must be a multiple of {stride**2}, the squared stride, got {inputs[0][0]}"
        )
    return Reorg(stride, inputs[0]), _reorganized(section, stride, inputs[0])


def build_reorg3d(section: Section, inputs: Sequence[FeatureShape]) -> BuiltLayer:
    """Make a space to depth.

    Raises:
        ModelError: The pixels are no multiples of the stride.
    """
    stride = section.integer("stride", 1, 1)
    return Reorg3d(stride, inputs[0]), _reorganized(section, stride, inputs[0])


def _reorganized(section: Section, stride: int, shape: FeatureShape) -> FeatureShape:
    channels, height, width = shape
    if height % stride or width % stride:
        raise section.error(
            f"height and width must be multiples of stride={stride}, got {height} and {width}"
        )
    return channels * stride**2, height // stride, width // stride
