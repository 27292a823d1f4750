"""Shapes of Darknet's layers, and what several kinds of sections share."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from autosplit.models.networks.darknet_section import Section

FeatureShape = tuple[int, int, int]
"""Channels, height and width of a layer's output."""
BuiltLayer = tuple[nn.Module, FeatureShape]
"""A layer's module and the shape of its output."""
BATCH_NORM_EPS = 1e-5
"""Darknet adds this to a variance on a GPU; on a CPU it adds 1e-6 to the standard deviation."""


def strides_of(section: Section) -> tuple[int, int]:
    """Pixels down and across that the window of a section moves by.

    Raises:
        ModelError: One of them is no whole number of at least 1.
    """
    stride = section.integer("stride", 1, 1)
    return section.integer("stride_y", stride, 1), section.integer("stride_x", stride, 1)


def build_same(section: Section, inputs: Sequence[FeatureShape]) -> BuiltLayer:  # noqa: ARG001 - one signature
    """Hand on the tensor that is read, as dropout, softmax and the heads do."""
    return nn.Identity(), inputs[0]
