"""Raw feature maps of YOLO heads -> boxes, and non-maximum suppression.

Decoding is no part of the network that is split: it runs in float on the cloud side, after the
last layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

SHOWN_CONFIDENCE = 0.25
"""Least score of a box that is shown; accuracy is measured with boxes of lower scores too."""
IOU = 0.45
"""Of two boxes of a class that overlap by more than this, the one of lower score is dropped."""
MOST_BOXES = 300
"""Most boxes that are kept of an image."""
MOST_CANDIDATES = 4096
"""Most boxes of an image that are compared, those of the best scores."""


@dataclass(frozen=True, slots=True)
class YoloHead:
    """A yolo section: how its feature map is read.

    Attributes:
        layer: Number of the yolo section; it reads the output of the layer before.
        anchors: Width and height of each anchor, pixels of the network's input.
        classes: Number of classes.
        scale_x_y: Factor by which the place of a centre in its cell is stretched about the middle.
    """

    layer: int
    anchors: tuple[tuple[float, float], ...]
    classes: int
    scale_x_y: float = 1.0

    @property
    def channels(self) -> int:
        """Channels of the feature map: for each anchor a box, its objectness, and the classes."""
        return len(self.anchors) * (5 + self.classes)


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Boxes that are found in an image, those of the best scores first.

    Attributes:
        boxes: Left, top, right, bottom in pixels, shape (n, 4).
        scores: Objectness times the class's probability, shape (n,).
        classes: Number of the class, shape (n,).
    """

    boxes: Tensor
    scores: Tensor
    classes: Tensor

    def __len__(self) -> int:
        return len(self.scores)


def decode(
    outputs: Sequence[Tensor], heads: Sequence[YoloHead], input_size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the boxes of all anchors of all heads.

    With t the raw numbers of an anchor at cell (i, j) of a W x H map, s = ``scale_x_y`` and
    (a, b) the anchor, the centre is ((s * sigmoid(tx) - (s - 1) / 2 + i) / W, likewise y), the
    size (a * exp(tw), b * exp(th)) (Redmon & Farhadi 2018, section 2.1; s: Bochkovskiy et al.
    2020, section 3.4, "eliminate grid sensitivity").

    Args:
        outputs: Feature map of each head, (N, anchors * (5 + classes), H, W).
        heads: The heads in the same order.
        input_size: Height and width of the network's input, pixels.

    Returns:
        Boxes as left, top, right, bottom in pixels of the input (N, B, 4); objectness 0..1 (N, B);
        the probability of each class given that there is something, 0..1 (N, B, C).

    Raises:
        ValueError: An output has another number of channels than its head.
    """
    parts = [_decode(output, head, input_size) for output, head in zip(outputs, heads, strict=True)]
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
    different classes do not suppress each other.

    Args:
        outputs: As for ``decode``.
        heads: The heads in the same order.
        input_size: Height and width of the network's input, pixels.
        confidence: Least score, 0..1.
        iou: Overlap from which the worse box of two is dropped, 0..1.

    Returns:
        The detections of each image, boxes in pixels of the network's input.
    """
    found = [
        _candidates(output, head, input_size, confidence)
        for output, head in zip(outputs, heads, strict=True)
    ]
    images, boxes, scores, classes = (torch.cat(parts) for parts in zip(*found, strict=True))
    return [
        _suppress(boxes[images == i], scores[images == i], classes[images == i], iou)
        for i in range(len(outputs[0]))
    ]


def _decode(
    output: Tensor, head: YoloHead, input_size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes, objectness and classes of one head, anchors varying slowest."""
    raw = _anchors_first(output, head)
    image, anchor, row, column, _ = raw.shape
    cells = torch.cartesian_prod(torch.arange(anchor), torch.arange(row), torch.arange(column))
    cells = cells.repeat(image, 1)
    flat = raw.reshape(-1, raw.shape[-1])
    boxes = _boxes(flat[:, :4], cells, head, (row, column), input_size)
    sure = flat[:, 4:].sigmoid().view(image, -1, head.classes + 1)
    return boxes.view(image, -1, 4), sure[..., 0], sure[..., 1:]


def _candidates(
    output: Tensor, head: YoloHead, input_size: tuple[int, int], confidence: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Find image, box, score and class of every box of one head that reaches the least score.

    Boxes are computed only where the objectness reaches the least score, because those are few.
    """
    raw = _anchors_first(output, head)
    # Objectness below the least score cannot become a score above it.
    place = (raw[..., 4].sigmoid() >= confidence).nonzero()
    kept = raw[tuple(place.T)]
    scores = kept[:, 4:5].sigmoid() * kept[:, 5:].sigmoid()
    which, classes = (scores >= confidence).nonzero(as_tuple=True)
    boxes = _boxes(kept[:, :4], place[:, 1:], head, raw.shape[2:4], input_size)
    return place[which, 0], boxes[which], scores[which, classes], classes


def _anchors_first(output: Tensor, head: YoloHead) -> Tensor:
    """A feature map as (N, anchors, H, W, 5 + classes), a view."""
    if output.dim() != 4 or output.shape[1] != head.channels:
        raise ValueError(
            f"yolo {head.layer}: must read (N, {head.channels}, H, W), got {tuple(output.shape)}"
        )
    split: Tensor = output.unflatten(1, (len(head.anchors), 5 + head.classes))
    return split.movedim(2, -1)


def _boxes(
    raw: Tensor,
    cells: Tensor,
    head: YoloHead,
    grid: Sequence[int],
    input_size: tuple[int, int],
) -> Tensor:
    """Left, top, right and bottom in pixels.

    Args:
        raw: tx, ty, tw, th, shape (n, 4).
        cells: Anchor, row and column of each, shape (n, 3).
        head: The head that the boxes are of.
        grid: Rows and columns of the feature map.
        input_size: Height and width of the network's input, pixels.
    """
    step = torch.tensor([input_size[1] / grid[1], input_size[0] / grid[0]])
    stretch = head.scale_x_y
    inside = raw[:, :2].sigmoid() * stretch - (stretch - 1) / 2
    centre = (inside + cells[:, [2, 1]]) * step
    half = raw[:, 2:].exp() * torch.tensor(head.anchors)[cells[:, 0]] / 2
    return torch.cat([centre - half, centre + half], 1)


def _suppress(boxes: Tensor, scores: Tensor, classes: Tensor, iou: float) -> Detections:
    """Drop the worse of boxes of one class that overlap."""
    from torchvision.ops import batched_nms  # noqa: PLC0415 - torchvision is slow to import

    best = scores.sort(descending=True, stable=True).indices[:MOST_CANDIDATES]
    boxes, scores, classes = boxes[best], scores[best], classes[best]
    kept = batched_nms(boxes, scores, classes, iou)[:MOST_BOXES]
    return Detections(boxes[kept], scores[kept], classes[kept])
