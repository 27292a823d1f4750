"""Whether two networks answer the same to an image: the same class, or the same boxes."""

from __future__ import annotations

import numpy as np
import torch
from torchvision.ops import box_convert, box_iou

from autosplit.errors import DataError
from autosplit.evaluate.average_precision import FoundBoxes
from autosplit.evaluate.box_measures import MATCH_IOU, SHOWN_SCORE
from autosplit.evaluate.record import Record
from autosplit.evaluate.tasks.classification import ClassRecord
from autosplit.evaluate.tasks.detection import BoxRecord


def same_answers(own: Record, reference: Record) -> list[bool]:
    """Tell of each image whether two networks answer the same.

    Args:
        own: Answers of a plan.
        reference: Answers of the float network to the same images.

    Raises:
        DataError: The task is neither classification nor detection.
    """
    if isinstance(own, ClassRecord) and isinstance(reference, ClassRecord):
        return [a == b for a, b in zip(own.classes, reference.classes, strict=True)]
    if isinstance(own, BoxRecord) and isinstance(reference, BoxRecord):
        return [same_boxes(a, b) for a, b in zip(own.found, reference.found, strict=True)]
    raise DataError(
        f"escalation: the task must be classification or detection, is {own.task.name}; leave "
        "--escalation out"
    )


def same_boxes(own: FoundBoxes, other: FoundBoxes) -> bool:
    """Tell whether two networks show the same boxes in a picture.

    Boxes are shown from a score of 0.25 on.  They are the same if there are as many, and each has
    its own box of its class among the others that it overlaps by an IoU of 0.5 or more; the best
    score chooses first.
    """
    here, there = _shown(own), _shown(other)
    if len(here.scores) != len(there.scores):
        return False
    if not len(here.scores):
        return True
    overlap = box_iou(_corners(here), _corners(there)).numpy()
    overlap = np.where(here.classes[:, None] == there.classes[None, :], overlap, 0.0)
    for place in np.argsort(-here.scores, kind="stable"):
        best = int(overlap[place].argmax())
        if overlap[place, best] < MATCH_IOU:
            return False
        overlap[:, best] = 0
    return True


def _shown(found: FoundBoxes) -> FoundBoxes:
    sure = found.scores >= SHOWN_SCORE
    return FoundBoxes(found.boxes[sure], found.scores[sure], found.classes[sure])


def _corners(found: FoundBoxes) -> torch.Tensor:
    corners: torch.Tensor = box_convert(torch.from_numpy(found.boxes), "xywh", "xyxy")
    return corners
