"""Outputs of networks without anchors -> boxes: YOLOv8's and YOLOX's maps, and exported rows.

Maps are what the last convolutions give, one map for each stride, with classes as logits.  Rows are
what an exported network gives: one line for each place, all strides one after the other.

| coding | output | box |
| --- | --- | --- |
| ``yolov8`` | map (N, 4 R + C, H, W) | four distances, each the mean of R bins (``integral_of``) |
| ``yolov8-rows`` | (N, 4 + C, A) | centre and size, pixels; C probabilities |
| ``yolox`` | map (N, 5 + C, H, W) | (cell + t) s, exp(t) s for a stride s |
| ``yolox-rows`` | (N, A, 5 + C) | the same; objectness and C probabilities |
| ``yolov5-rows`` | (N, A, 5 + C) | centre and size, pixels; objectness and C probabilities |

Sources: Li et al. 2020 (Generalized Focal Loss, arXiv 2006.04388, equation 5) for the mean of bins,
Tian et al. 2019 (FCOS, arXiv 1904.01355, equation 1) for distances from a point, Ge et al. 2021
(YOLOX, arXiv 2107.08430, section 2.2) for the last two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from autosplit.models.networks.yolo_heads import YoloHead

STRIDES = (8, 16, 32)
"""Strides of the maps that rows of YOLOX come from, pixels."""
FoundParts = tuple[Tensor, Tensor, Tensor]
"""Boxes (N, A, 4), objectness (N, A) and probabilities of the classes (N, A, C)."""


def read_free(output: Tensor, head: YoloHead, input_size: tuple[int, int]) -> FoundParts:
    """Read an output of a network without anchors.

    Args:
        output: As the table of the module has it.
        head: Its coding is one of ``FREE_CODINGS``.
        input_size: Height and width of the network's input, pixels.

    Returns:
        Boxes as left, top, right, bottom in pixels of the input (N, A, 4); objectness 0..1 (N, A),
        1 where the network has none; probabilities of the classes (N, A, C).
    """
    return FREE_CODINGS[head.coding](output, head, input_size)


def integral_of(numbers: Tensor) -> Tensor:
    """Mean of bins: the sum of i * softmax(numbers)_i over the last axis.

    >>> integral_of(torch.tensor([0.0, 0.0, 0.0]))
    tensor(1.)
    """
    bins = torch.arange(numbers.shape[-1], dtype=numbers.dtype)
    return (numbers.softmax(-1) * bins).sum(-1)


def _yolov8(output: Tensor, head: YoloHead, input_size: tuple[int, int]) -> FoundParts:
    cells, stride = _cells(output.shape[2:], input_size, output)
    numbers = output.flatten(2).transpose(1, 2)
    sides, kinds = numbers.split([numbers.shape[-1] - head.classes, head.classes], -1)
    bins = sides.shape[-1] // 4
    distances = sides.unflatten(-1, (4, bins))
    far = integral_of(distances) if bins > 1 else distances.squeeze(-1)
    centre = cells + 0.5
    boxes = torch.cat([centre - far[..., :2], centre + far[..., 2:]], -1) * stride.repeat(2)
    return boxes, torch.ones(boxes.shape[:2]), kinds.sigmoid()


def _yolov8_rows(output: Tensor, head: YoloHead, input_size: tuple[int, int]) -> FoundParts:  # noqa: ARG001 - one signature
    rows = output.transpose(1, 2)
    boxes = _corners_of(rows[..., :2], rows[..., 2:4])
    return boxes, torch.ones(boxes.shape[:2]), rows[..., 4:]


def _yolox(output: Tensor, head: YoloHead, input_size: tuple[int, int]) -> FoundParts:  # noqa: ARG001 - one signature
    cells, stride = _cells(output.shape[2:], input_size, output)
    numbers = output.flatten(2).transpose(1, 2)
    boxes = _corners_of((numbers[..., :2] + cells) * stride, numbers[..., 2:4].exp() * stride)
    return boxes, numbers[..., 4].sigmoid(), numbers[..., 5:].sigmoid()


def _yolox_rows(output: Tensor, head: YoloHead, input_size: tuple[int, int]) -> FoundParts:  # noqa: ARG001 - one signature
    cells, strides = _row_cells(input_size, output)
    centre, size = (output[..., :2] + cells) * strides, output[..., 2:4].exp() * strides
    return _corners_of(centre, size), output[..., 4], output[..., 5:]


def rows_in_pixels(output: Tensor, input_size: tuple[int, int]) -> bool:
    """Whether rows of YOLOX are decoded already, as ``decode_in_inference`` makes them.

    Sizes in pixels are never negative, and centres in pixels lie near the cells that they belong
    to; logarithms of sizes and offsets in cells do neither.

    Args:
        output: Rows (N, A, 5 + C), as many as ``row_count`` says.
        input_size: Height and width of the network's input, pixels.
    """
    cells, strides = _row_cells(input_size, output)
    centre, size = output[..., :2], output[..., 2:4]
    from_cells = (centre / strides - cells).abs().median()
    return bool((size >= 0).all()) and bool(from_cells < centre.abs().median())


def _row_cells(input_size: tuple[int, int], like: Tensor) -> tuple[Tensor, Tensor]:
    """Column and row of the cell of each row of YOLOX, (A, 2), and the size of that cell."""
    parts = [_cells((input_size[0] // s, input_size[1] // s), input_size, like) for s in STRIDES]
    cells = torch.cat([cells for cells, _ in parts])
    return cells, torch.cat([stride.expand_as(cells) for cells, stride in parts])


def _yolov5_rows(output: Tensor, head: YoloHead, input_size: tuple[int, int]) -> FoundParts:  # noqa: ARG001 - one signature
    return _corners_of(output[..., :2], output[..., 2:4]), output[..., 4], output[..., 5:]


def _corners_of(centre: Tensor, size: Tensor) -> Tensor:
    return torch.cat([centre - size / 2, centre + size / 2], -1)


def _cells(
    shape: Sequence[int], input_size: tuple[int, int], like: Tensor
) -> tuple[Tensor, Tensor]:
    """Column and row of each cell of a map, (H W, 2), and the size of a cell, pixels."""
    rows, columns = shape
    row, column = torch.meshgrid(
        torch.arange(rows, dtype=like.dtype), torch.arange(columns, dtype=like.dtype), indexing="ij"
    )
    stride = torch.tensor([input_size[1] / columns, input_size[0] / rows], dtype=like.dtype)
    return torch.stack([column, row], -1).view(-1, 2), stride


def row_count(input_size: tuple[int, int]) -> int:
    """Number of rows of YOLOX for an input.

    >>> row_count((640, 640))
    8400
    """
    return sum((input_size[0] // s) * (input_size[1] // s) for s in STRIDES)


FREE_CODINGS: dict[str, Callable[[Tensor, YoloHead, tuple[int, int]], FoundParts]] = {
    "yolov8": _yolov8,
    "yolov8-rows": _yolov8_rows,
    "yolox": _yolox,
    "yolox-rows": _yolox_rows,
    "yolov5-rows": _yolov5_rows,
}
"""Coding -> the function that reads an output."""
