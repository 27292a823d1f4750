"""The second stage of Faster R-CNN as layers that have a cost: crops at the proposals, their boxes.

The second stage runs in float behind the network (``torchvision_detector.py``), so that it is no
part of what is split; its parameters, operations and seconds count in every plan all the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from autosplit.capture.capture import capture
from autosplit.graph.graph import Graph
from autosplit.graph.layer import Layer, Shape

NAME = "second_stage"
"""Name of the graph, and beginning of the names of its tensors."""


def second_stage(detector: Any, maps: Sequence[Tensor]) -> Graph:
    """Describe what a detector computes at the proposals of one picture, at most as many as it has.

    Args:
        detector: A Faster R-CNN of torchvision.
        maps: Its feature maps for one picture, each (1, C, H, W), in order.
    """
    heads, pool = detector.roi_heads, detector.roi_heads.box_roi_pool
    count = proposal_count(detector.rpn, maps)
    named = zip(map(str, range(len(maps))), maps, strict=True)
    read: dict[str, Shape] = {
        f"{NAME}.map{key}": tuple(one.shape[1:]) for key, one in named if key in pool.featmap_names
    }
    crop = (maps[0].shape[1], *pool.output_size)
    inner = capture(_BoxHead(heads), torch.zeros(1, *crop), NAME).graph
    crops = Layer(
        f"{NAME}.crops",
        "crop",
        tuple(read),
        tuple(read.values()),
        (count, *crop),
        operators=("roi_align",),
        kernel=(pool.sampling_ratio,) * 2,
    )
    names = dict.fromkeys(inner.inputs, crops.name)
    names |= {layer.name: f"{NAME}.{layer.name}" for layer in inner.layers}
    layers = (_of_all(layer, count, names) for layer in inner.layers)
    return Graph(NAME, read, (crops, *layers), tuple(names[one] for one in inner.outputs))


def proposal_count(rpn: Any, maps: Sequence[Tensor]) -> int:
    """Most proposals that non-maximum suppression leaves of one picture.

    Args:
        rpn: The first stage.
        maps: Feature maps for one picture, each (1, C, H, W).
    """
    anchors = rpn.anchor_generator.num_anchors_per_location()
    each = (count * math.prod(one.shape[2:]) for count, one in zip(anchors, maps, strict=True))
    return int(min(rpn.post_nms_top_n(), sum(min(rpn.pre_nms_top_n(), count) for count in each)))


class _BoxHead(nn.Module):
    """From the crops at proposals, one proposal a sample, to the numbers of classes and boxes."""

    def __init__(self, heads: Any) -> None:
        super().__init__()
        self.box_head, self.box_predictor = heads.box_head, heads.box_predictor

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        """Map crops (N, C, h, w) to numbers of classes (N, C) and boxes (N, 4 C)."""
        return tuple(self.box_predictor(self.box_head(crops)))


def _of_all(layer: Layer, count: int, names: dict[str, str]) -> Layer:
    """A layer of one proposal as a layer of all of them."""
    owner = layer.weight_owner
    return replace(
        layer,
        name=names[layer.name],
        inputs=tuple(names[one] for one in layer.inputs),
        input_shapes=tuple((count, *shape) for shape in layer.input_shapes),
        output_shape=(count, *layer.output_shape),
        weight_owner=names[owner] if owner else owner,
        gemms=tuple(replace(gemm, out_pixels=count * gemm.out_pixels) for gemm in layer.gemms),
    )
