"""Which boxes of two networks are of the same object: greedy matching by overlap (IoU)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torchvision.ops import box_iou

from autosplit.models.networks.yolo_decode import Detections

SAME_IOU = 0.5
"""Overlap (intersection over union) from which two boxes of a class are the same object."""


@dataclass(frozen=True, slots=True)
class BoxMatches:
    """Boxes of two networks that are the same.

    Attributes:
        pairs: Place of a box among those of the first network, and of its match among those of the
            second, by the first.
    """

    pairs: tuple[tuple[int, int], ...]

    def matched(self, side: int) -> set[int]:
        """Places of the boxes of one network that have a match.

        Args:
            side: 0 for the first network, 1 for the second.
        """
        return {pair[side] for pair in self.pairs}


def match_boxes(first: Detections, second: Detections) -> BoxMatches:
    """Match boxes of two networks: of one class, overlapping by at least ``SAME_IOU``.

    The boxes of the second network choose in the order of their scores, each the box of the largest
    overlap that is left.

    Args:
        first: Boxes of the first network.
        second: Boxes of the second network, in pixels of the same picture.
    """
    overlap: Tensor = box_iou(second.boxes, first.boxes)
    overlap = overlap * (second.classes[:, None] == first.classes[None, :])
    pairs = []
    for place in second.scores.argsort(descending=True, stable=True).tolist():
        if not len(first):
            break
        best = int(overlap[place].argmax())
        if overlap[place, best] >= SAME_IOU:
            pairs.append((best, place))
            overlap[:, best] = 0
    return BoxMatches(tuple(sorted(pairs)))
