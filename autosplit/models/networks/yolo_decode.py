"""Raw outputs of YOLO heads -> boxes of each image.

Decoding is no part of the network that is split: it runs in float on the cloud side, after the
last layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from autosplit.models.networks.free_boxes import FREE_CODINGS, FoundParts, read_free
from autosplit.models.networks.suppression import (
    IOU,
    MOST_BOXES,
    MOST_CANDIDATES,
    Detections,
    suppress,
)
from autosplit.models.networks.yolo_boxes import (
    AnchorGrid,
    boxes_of,
    class_scores,
    objectness_of,
    read_grid_cells,
)
from autosplit.models.networks.yolo_heads import SHOWN_CONFIDENCE, YoloHead

__all__ = [
    "IOU",
    "MOST_BOXES",
    "MOST_CANDIDATES",
    "SHOWN_CONFIDENCE",
    "Detections",
    "YoloHead",
    "decode",
    "detect_objects",
]
Candidates = tuple[Tensor, Tensor, Tensor, Tensor]
"""Image, box, score and class of boxes."""


def decode(
    outputs: Sequence[Tensor], heads: Sequence[YoloHead], input_size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the boxes of all anchors of all heads; ``boxes_of`` has the formulas.

    Args:
        outputs: Output of each head, a map (N, channels, H, W).
        heads: The heads in the same order.
        input_size: Height and width of the network's input, pixels.

    Returns:
        Boxes as left, top, right, bottom in pixels of the input (N, B, 4); objectness 0..1 (N, B);
        the probability of each class given that there is something, 0..1 (N, B, C).

    Raises:
        ValueError: An output has another number of channels than its head.
    """
    pairs = _pairs(outputs, heads)
    parts = [_decode(output, head, input_size) for output, head in pairs]
    boxes, objectness, classes = zip(*parts, strict=True)
    return torch.cat(boxes, 1), torch.cat(objectness, 1), torch.cat(classes, 1)


def detect_objects(
    outputs: Sequence[Tensor],
    heads: Sequence[YoloHead],
    input_size: tuple[int, int],
    confidence: float = SHOWN_CONFIDENCE,
    iou: float = IOU,
) -> list[Detections]:
    """Find the boxes in each image of a batch.

    A box counts once for every class that reaches the least score, as Darknet counts.  Boxes of
    different classes do not suppress each other.  The last head says how boxes suppress each other.

    Args:
        outputs: Raw outputs of the heads, as ``decode`` takes them.
        heads: The heads in the same order.
        input_size: Height and width of the network's input, pixels.
        confidence: Least score, 0..1.
        iou: Overlap from which the worse box of two is dropped, 0..1.

    Returns:
        The detections of each image, boxes in pixels of the network's input.
    """
    if heads[0].read is not None:
        return list(heads[0].read(outputs, confidence, iou))
    found = [
        _candidates(output, head, input_size, confidence) for output, head in _pairs(outputs, heads)
    ]
    images, boxes, scores, classes = (torch.cat(parts) for parts in zip(*found, strict=True))
    kind, beta = heads[-1].nms_kind, heads[-1].beta_nms
    each = (images == i for i in range(len(outputs[0])))
    return [suppress(Detections(boxes[i], scores[i], classes[i]), iou, kind, beta) for i in each]


def _pairs(outputs: Sequence[Tensor], heads: Sequence[YoloHead]) -> list[tuple[Tensor, YoloHead]]:
    """Each head with its output; outputs after those of rows belong to training."""
    if heads[0].coding.endswith("-rows"):
        outputs = outputs[: len(heads)]
    return list(zip(outputs, heads, strict=True))


def _read_whole(output: Tensor, head: YoloHead, input_size: tuple[int, int]) -> FoundParts | None:
    """All that an output without anchors says; None where the output has anchors."""
    if head.coding == "yolov1":
        return read_grid_cells(output, head, input_size)
    return read_free(output, head, input_size) if head.coding in FREE_CODINGS else None


def _decode(
    output: Tensor, head: YoloHead, input_size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes, objectness and classes of one head, anchors varying slowest."""
    whole = _read_whole(output, head, input_size)
    if whole is not None:
        return whole
    raw = _anchors_first(output, head)
    image, anchor, row, column, numbers = raw.shape
    cells = torch.cartesian_prod(torch.arange(anchor), torch.arange(row), torch.arange(column))
    grid = AnchorGrid(cells.view(-1, 3).repeat(image, 1), row, column, input_size)
    flat = raw.reshape(-1, numbers)
    boxes = boxes_of(flat, head, grid).view(image, -1, 4)
    each = flat.view(image, -1, numbers)
    return boxes, objectness_of(each, head), class_scores(each, head)


def _candidates(
    output: Tensor, head: YoloHead, input_size: tuple[int, int], confidence: float
) -> Candidates:
    """Find every box of one head that reaches the least score.

    Boxes are computed only where the objectness reaches the least score, because those are few.
    """
    whole = _read_whole(output, head, input_size)
    if whole is not None:
        return _of_all(*whole, confidence)
    raw = _anchors_first(output, head)
    sure = objectness_of(raw, head)
    # Objectness below the least score cannot become a score above it.
    place = (sure >= confidence).nonzero()
    kept = raw[tuple(place.T)]
    scores = sure[tuple(place.T)][:, None] * class_scores(kept, head)
    which, classes = (scores >= confidence).nonzero(as_tuple=True)
    grid = AnchorGrid(place[:, 1:], raw.shape[2], raw.shape[3], input_size)
    return place[which, 0], boxes_of(kept, head, grid)[which], scores[which, classes], classes


def _of_all(boxes: Tensor, sure: Tensor, kinds: Tensor, confidence: float) -> Candidates:
    scores = sure[..., None] * kinds
    image, which, classes = (scores >= confidence).nonzero(as_tuple=True)
    return image, boxes[image, which], scores[image, which, classes], classes


def _anchors_first(output: Tensor, head: YoloHead) -> Tensor:
    """A feature map as (N, anchors, H, W, numbers), a view."""
    if output.dim() != 4 or output.shape[1] != head.channels:
        raise ValueError(
            f"yolo {head.layer}: must read (N, {head.channels}, H, W), got {tuple(output.shape)}"
        )
    split: Tensor = output.unflatten(1, (len(head.anchors), head.box_numbers + head.classes))
    return split.movedim(2, -1)
