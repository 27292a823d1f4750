"""Boxes that a network finds against boxes that are there: average precision as COCO defines it.

The twelve numbers of COCO (Lin et al. 2014; cocodataset.org/#detection-eval) are average precision
(ap) and average recall (ar), means over classes and over ten thresholds of IoU, .5 to .95, or at
one threshold, for all objects or small (area below 32**2 pixels), medium and large (above 96**2)
ones, with up to 1, 10 or 100 boxes a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster
from numpy.typing import NDArray

from autosplit.data.coco import Truth
from autosplit.evaluate.task import COCO_NUMBERS


@dataclass(frozen=True, slots=True, eq=False)
class FoundBoxes:
    """Boxes that were found in one picture.

    Attributes:
        boxes: Left, top, width and height in pixels of the picture, shape (n, 4).
        scores: Score of each box, 0..1, shape (n,).
        classes: Number of the class of each, shape (n,).
    """

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    classes: NDArray[np.int64]

    def truth(self, least: float) -> Truth:
        """Return the boxes of at least a score as ground truth; the picture's size is left open."""
        sure = self.scores >= least
        boxes = tuple((x, y, width, height) for x, y, width, height in self.boxes[sure].tolist())
        areas = tuple(box[2] * box[3] for box in boxes)
        classes = tuple(self.classes[sure].tolist())
        return Truth(0, 0, boxes, classes, areas, (False,) * len(boxes))


@dataclass(frozen=True, slots=True)
class Precision:
    """How well the boxes that were found meet the boxes that are there; shares are 0..1.

    Attributes:
        numbers: The twelve numbers, by the names in ``COCO_NUMBERS``; None where the ground truth
            has no box.
        per_class: AP[.5:.95] of each class; None where the ground truth has no box of the class.
    """

    numbers: dict[str, float | None]
    per_class: tuple[float | None, ...]


def average_precision(
    truths: Sequence[Truth], found: Sequence[FoundBoxes], classes: int
) -> Precision:
    """Compute COCO's twelve numbers, and AP[.5:.95] of each class.

    Args:
        truths: Ground truth of each picture.
        found: Boxes that were found in each picture, in the same order.
        classes: Number of classes.
    """
    there = COCO(_dataset(truths, classes), print_function=_silent)
    evaluation = COCOeval_faster(
        there, there.loadRes(_results(found)), "bbox", print_function=_silent
    )
    evaluation.run()
    # thresholds, recalls, classes, areas (the first is all), boxes a picture (the last is 100)
    precision = evaluation.eval["precision"][:, :, :, 0, -1]
    per_class = (_mean(precision[:, :, number]) for number in range(classes))
    numbers = {
        name: _share(value) for name, value in zip(COCO_NUMBERS, evaluation.stats, strict=False)
    }
    return Precision(numbers, tuple(per_class))


def _dataset(truths: Sequence[Truth], classes: int) -> dict[str, Any]:
    """What is there, as an annotation file of COCO would say it."""
    annotations: list[dict[str, Any]] = []
    for image, truth in enumerate(truths, 1):
        entries = zip(truth.boxes, truth.classes, truth.areas, truth.crowds, strict=True)
        for box, number, area, crowd in entries:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": number + 1,
                    "bbox": list(box),
                    "area": area,
                    "iscrowd": int(crowd),
                }
            )
    return {
        "images": [
            {"id": image, "width": truth.width, "height": truth.height}
            for image, truth in enumerate(truths, 1)
        ],
        "annotations": annotations,
        "categories": [{"id": number, "name": str(number)} for number in range(1, classes + 1)],
    }


def _results(found: Sequence[FoundBoxes]) -> list[dict[str, Any]]:
    """What was found, as a result file of COCO would say it."""
    return [
        {"image_id": image, "category_id": number + 1, "bbox": box, "score": score}
        for image, boxes in enumerate(found, 1)
        for box, score, number in zip(
            boxes.boxes.tolist(), boxes.scores.tolist(), boxes.classes.tolist(), strict=True
        )
    ]


def _mean(precision: NDArray[np.float64]) -> float | None:
    """Mean over what is there; -1 marks what is not."""
    seen = precision[precision > -1]
    return float(seen.mean()) if seen.size else None


def _share(value: float) -> float | None:
    return float(value) if value > -1 else None


def _silent(*_: object) -> None:
    """Print nothing."""
