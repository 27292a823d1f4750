"""Detection: the boxes that are found, and COCO's average precision of them.

With annotations the accuracy is COCO's average precision.  With or without annotations, the boxes
of a plan are also compared with the boxes of the float network: those of score 0.25 or more serve
as ground truth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from autosplit.data.coco import Truth, truth_of
from autosplit.data.datasets import DataSet
from autosplit.data.images import Labels
from autosplit.data.preprocess import WHOLE_PICTURES, Letterbox
from autosplit.errors import DataError, counted
from autosplit.evaluate.average_precision import FoundBoxes, Precision, average_precision
from autosplit.evaluate.box_measures import measure_boxes
from autosplit.evaluate.judge import Answering, Judge
from autosplit.evaluate.task import DETECTION, FLOAT, Task
from autosplit.models.networks.yolo_decode import (
    SHOWN_CONFIDENCE,
    Detections,
    YoloHead,
    detect_objects,
)
from autosplit.plan.plan import Plan
from autosplit.search.tolerance import keeps_drop

LEAST_SCORE = 0.005
"""Boxes below this score are left out, as in Darknet's own validation."""
MOST_FOUND = 100
"""COCO counts so many boxes of a picture, those of the highest scores."""


@dataclass(frozen=True)
class BoxAnswers:
    """What a detector finds in some images.

    Attributes:
        found: Boxes that are found in each image.
        truths: Annotated boxes of each image; None without annotations.
    """

    found: list[FoundBoxes]
    truths: tuple[Truth, ...] | None


@dataclass(frozen=True)
class BoxReader:
    """Makes boxes in pictures of a network's outputs.

    Attributes:
        heads: How each output is read.
        input_size: Height and width of the input, pixels.
        back: Moves boxes from the input to a picture of a width and a height.
        labels: Names of the classes.
    """

    heads: tuple[YoloHead, ...]
    input_size: tuple[int, int]
    back: Callable[[Tensor, int, int], Tensor]
    labels: tuple[str, ...]

    def read(
        self,
        outputs: tuple[Tensor, ...],
        labels: Labels | None,
        batch: int,
        reference: tuple[Tensor, ...] | None = None,  # noqa: ARG002 - one signature
    ) -> BoxAnswers:
        """Find the boxes in each image of a batch.

        Args:
            outputs: Outputs of the network.
            labels: Annotations of the batch.  With annotations the boxes are in pixels of the
                pictures, without in pixels of the network's input.
            batch: Number of images.
            reference: Outputs of the float network; boxes are compared when all are known.
        """
        found = detect_objects(outputs, self.heads, self.input_size, LEAST_SCORE)
        truths = labels if isinstance(labels, tuple) else None
        pairs = zip(found, truths or (None,) * batch, strict=True)
        return BoxAnswers([self._place(one, truth) for one, truth in pairs], truths)

    def _place(self, found: Detections, truth: Truth | None) -> FoundBoxes:
        boxes = found.boxes[:MOST_FOUND]
        if truth is not None:
            boxes = self.back(boxes, truth.width, truth.height)
        boxes = torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1).double()
        scores = found.scores[:MOST_FOUND].double()
        # Rounded, so that the files of a run folder stay small.
        return FoundBoxes(
            boxes.numpy().round(2), scores.numpy().round(6), found.classes[:MOST_FOUND].numpy()
        )


@dataclass
class BoxRecord:
    """The record of a detector.

    Attributes:
        total: Number of images of the evaluation.
        labels: Names of the classes.
        found: Boxes that were found in each image run so far.
        truths: Annotated boxes of each of those images; None without annotations.
    """

    task: ClassVar[Task] = DETECTION
    total: int = 0
    labels: tuple[str, ...] = ()
    found: list[FoundBoxes] = field(default_factory=list)
    truths: list[Truth] | None = None

    @property
    def seen(self) -> int:
        """Images run so far."""
        return len(self.found)

    @property
    def done(self) -> bool:
        """Whether all images were run."""
        return 0 < self.total == self.seen

    def add(self, answers: BoxAnswers) -> None:
        """Add the answers to the next images."""
        self.found += answers.found
        if answers.truths is not None:
            self.truths = (self.truths or []) + list(answers.truths)

    def check(self) -> None:
        """Make sure that plans can be compared with this, the float network's record.

        Raises:
            DataError: There is nothing to find in any picture, or without annotations the float
                network finds nothing.
        """
        if self.truths is None and not any(truth.boxes for truth in self.own()):
            raise DataError(
                "evaluation data: without annotations the float network must find something with a "
                f"score of {SHOWN_CONFIDENCE}, finds nothing in {counted(self.seen, 'image')}; "
                "give it trained weights, or annotated pictures as coco:DIR"
            )
        if self.truths is not None and not any(truth.boxes for truth in self.truths):
            raise DataError("evaluation data: must have a box in at least one picture, has none")

    @property
    def is_precise(self) -> bool:
        """Whether the boxes fit annotated ones so well that plans can be judged by these."""
        if self.truths is None:
            return False
        ap = self.precision(self.truths).numbers["ap"]
        return ap is not None and ap >= self.task.floor

    def own(self) -> list[Truth]:
        """Return the boxes of sufficient score as ground truth, for comparing plans with float."""
        return [found.truth(SHOWN_CONFIDENCE) for found in self.found]

    def precision(self, truths: Sequence[Truth]) -> Precision:
        """Score the boxes found so far against the boxes that are there in the same pictures."""
        return average_precision(truths[: self.seen], self.found, len(self.labels))

    def lost(self, reference: BoxRecord, max_drop: float, tests: int) -> bool:  # noqa: ARG002
        """Tell whether a plan loses more than is allowed, once all images were run.

        Average precision is no mean over images, so no bound holds before: there is no early
        stopping of detectors.
        """
        if not self.done:
            return False
        return not keeps_drop(self._drop(reference), max_drop)

    def float_row(self) -> dict[str, Any]:
        """Make the float network's row of ``scores.csv``, with its AP by class."""
        row = {"name": FLOAT, "images": self.seen, "ap_vs_float": 1.0, "ap50_vs_float": 1.0}
        found = {} if self.truths is None else self._columns(FLOAT, self.truths)
        return row | {"drop": 0.0} | found

    def plan_row(self, plan: Plan, reference: BoxRecord) -> dict[str, Any] | None:
        """Make a plan's row, over the images that it was run on, with its AP by class."""
        if not self.seen:
            return None
        against = self.precision(reference.own())
        truly = {} if reference.truths is None else self._columns(plan.name, reference.truths)
        row = {
            "name": plan.name,
            "images": self.seen,
            "ap_vs_float": against.numbers["ap"],
            "ap50_vs_float": against.numbers["ap50"],
            "drop": self._drop(reference),
            "cut_bytes": plan.crossing_bytes,
        }
        return row | truly

    def _columns(self, name: str, truths: Sequence[Truth]) -> dict[str, Any]:
        precision = self.precision(truths)
        per_class = dict(zip(self.labels, precision.per_class, strict=True))
        measures = measure_boxes(truths[: self.seen], self.found, self.labels)
        return {**precision.numbers, "per_class": per_class, "box_measures": measures.rows(name)}

    def _drop(self, reference: BoxRecord) -> float:
        """Points of AP lost against the float network on the same images.

        Where there are no annotations, or float's own AP is undefined or below the task's floor,
        the loss is that of the AP against the float network's boxes: every plan would be as
        accurate as a network that finds nothing.

        Args:
            reference: The float network's record.
        """
        if reference.truths is None or not reference.is_precise:
            return 100 * (1 - (self.precision(reference.own()).numbers["ap"] or 0.0))
        same = replace(reference, found=reference.found[: self.seen])
        before = same.precision(reference.truths).numbers["ap"] or 0.0
        return 100 * (before - (self.precision(reference.truths).numbers["ap"] or 0.0))

    def data(self) -> dict[str, Any]:
        """Return the record as plain data, as a file keeps it."""
        found = [
            [one.boxes.tolist(), one.scores.tolist(), one.classes.tolist()] for one in self.found
        ]
        truths = None if self.truths is None else [asdict(truth) for truth in self.truths]
        return {"total": self.total, "labels": list(self.labels), "found": found, "truths": truths}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Make the record of what ``data`` returned."""
        found = [
            FoundBoxes(
                np.array(boxes).reshape(-1, 4), np.array(scores), np.array(classes, np.int64)
            )
            for boxes, scores, classes in data["found"]
        ]
        truths = data["truths"] and [truth_of(entry) for entry in data["truths"]]
        return cls(data["total"], tuple(data["labels"]), found, truths)


def detection_judge(model: Answering, data: DataSet) -> Judge:
    """Return the judge of a detector.

    Raises:
        DataError: The data have boxes of other classes than the network's.
    """
    if data.labels:
        _check_classes(model.labels, data.labels)
    place = model.preprocess
    if not isinstance(place, Letterbox):
        raise DataError(f"{model.name}: {WHOLE_PICTURES}")
    reader = BoxReader(model.heads, place.size, place.back, model.labels)
    return Judge(reader.read, lambda: BoxRecord(labels=model.labels), compares=False)


def _check_classes(network: tuple[str, ...], data: tuple[str, ...]) -> None:
    """Make sure that boxes are of the network's classes; names are compared where both have any."""
    if len(data) != len(network):
        raise DataError(
            f"data: must have the network's {counted(len(network), 'class', 'classes')}, has "
            f"{counted(len(data), 'category', 'categories')}, "
            f"from {data[0]!r} to {data[-1]!r}"
        )
    named = not any(name.isdecimal() for name in (*network, *data))
    if named and not any(map(str.__eq__, network, data)):
        raise DataError(
            f"data: must have the network's classes, its first is {network[0]!r}, "
            f"the data's is {data[0]!r}"
        )
    for place, name in enumerate(data):
        if named and name in network and network[place] != name:
            raise DataError(
                f"data: must number its classes as the network does, {name!r} is number {place}, "
                f"the network's is number {network.index(name)}"
            )
