"""Non-maximum suppression: of boxes that overlap, the one of the best score is kept.

| ``nms_kind`` | a box is dropped if, with a better one of its class, |
| --- | --- |
| ``default``, ``cornersnms`` | IoU > threshold |
| ``greedynms`` | IoU - (d / c)^0.6 > threshold |
| ``diounms`` | IoU - (d / c)^beta_nms > threshold |

d is the squared distance of the two centres, c the squared diagonal of the box around both (Zheng
et al. 2020, arXiv 1911.08287, equation 12; the exponent and the names are Darknet's, ``box.c``).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from autosplit.models.networks.yolo_heads import BETA_NMS

IOU = 0.45
"""Of two boxes of a class that overlap by more than this, the one of lower score is dropped."""
MOST_BOXES = 300
"""Most boxes that are kept of an image."""
MOST_CANDIDATES = 4096
"""Most boxes of an image that are compared, those of the best scores."""


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


def suppress(
    found: Detections, iou: float, kind: str = "default", beta: float = BETA_NMS
) -> Detections:
    """Drop the worse of boxes of one class that overlap.

    Args:
        found: Boxes in any order.
        iou: Threshold, 0..1.
        kind: One of ``NMS_KINDS``.
        beta: Exponent of ``diounms``.
    """
    from torchvision.ops import batched_nms  # noqa: PLC0415 - torchvision is slow to import

    best = found.scores.sort(descending=True, stable=True).indices[:MOST_CANDIDATES]
    boxes, scores, classes = found.boxes[best], found.scores[best], found.classes[best]
    if kind in ("greedynms", "diounms"):
        kept = _distance_nms(boxes, classes, iou, beta if kind == "diounms" else BETA_NMS)
    else:
        kept = batched_nms(boxes, scores, classes, iou)[:MOST_BOXES]
    return Detections(boxes[kept], scores[kept], classes[kept])


def _distance_nms(boxes: Tensor, classes: Tensor, iou: float, beta: float) -> Tensor:
    """Places of the boxes that are kept; the boxes are sorted, the best first."""
    left = torch.arange(len(boxes))
    kept: list[int] = []
    while len(left) and len(kept) < MOST_BOXES:
        first, left = int(left[0]), left[1:]
        kept.append(first)
        worse = _less_distance(boxes[first], boxes[left], beta) > iou
        left = left[~(worse & (classes[left] == classes[first]))]
    return torch.tensor(kept, dtype=torch.long)


def _less_distance(box: Tensor, others: Tensor, beta: float) -> Tensor:
    """IoU of a box with others, less the power of the distance of the centres, shape (n,)."""
    low, high = torch.maximum(box[:2], others[:, :2]), torch.minimum(box[2:], others[:, 2:])
    inside = (high - low).clamp_min(0).prod(1)
    areas = (others[:, 2:] - others[:, :2]).prod(1) + (box[2:] - box[:2]).prod()
    shared = inside / (areas - inside)
    outer = torch.maximum(box[2:], others[:, 2:]) - torch.minimum(box[:2], others[:, :2])
    diagonal = outer.square().sum(1)
    apart = ((box[:2] + box[2:]) / 2 - (others[:, :2] + others[:, 2:]) / 2).square().sum(1)
    return torch.where(diagonal > 0, shared - (apart / diagonal) ** beta, shared)
