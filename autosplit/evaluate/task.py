"""What a network is for, and the columns of the scores of each task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

COCO_NUMBERS = (
    "ap",
    "ap50",
    "ap75",
    "ap_small",
    "ap_medium",
    "ap_large",
    "ar1",
    "ar10",
    "ar100",
    "ar_small",
    "ar_medium",
    "ar_large",
)
"""Names of the twelve numbers of COCO in its order; ``average_precision`` says what they are."""
FLOAT = "float"
"""Name of the float network's own row among the scores."""


@dataclass(frozen=True, slots=True)
class Task:
    """One task; its columns are those of ``scores.csv`` and ``summary.csv``.

    Attributes:
        name: Name of the task.
        metric: Column of the accuracy that a drop is counted in, where the data have labels.
        metric_name: Name of the accuracy in texts.
        agreement: Column of the agreement with the float network; it stands for the accuracy where
            the data have no labels.
        agreement_name: Name of the agreement in texts.
        columns: All columns that are measured of a plan except its drop, in order; shares are 0..1.
        bounds: Columns of the lower and upper end of the accuracy's 95 % confidence interval;
            empty where no interval is known.
    """

    name: str
    metric: str
    metric_name: str
    agreement: str
    agreement_name: str
    columns: tuple[str, ...]
    bounds: tuple[str, ...] = ()

    @property
    def measured(self) -> tuple[str, ...]:
        """Columns of ``summary.csv`` that are taken from ``scores.csv``."""
        return ("images", *self.columns, "drop")

    @property
    def scores_header(self) -> tuple[str, ...]:
        """Columns of ``scores.csv``."""
        return ("name", *self.measured, "cut_bytes")

    def accuracy(self, score: Mapping[str, Any]) -> float | None:
        """Read the accuracy, 0..1, in a row of ``scores.csv``; None if it was not measured."""
        known = (score.get(column) for column in (self.metric, self.agreement))
        found = next((value for value in known if value not in (None, "")), None)
        return None if found is None else float(found)

    def interval(self, score: Mapping[str, Any]) -> tuple[float, float] | None:
        """Read the 95 % confidence interval of the accuracy, 0..1; None where none is known."""
        ends = [score.get(column) for column in self.bounds]
        known = [float(end) for end in ends if end not in (None, "")]
        return (known[0], known[1]) if len(known) == 2 else None


CLASSIFICATION = Task(
    "classification",
    "top1",
    "top-1",
    "agreement",
    "agreement with the float network",
    ("top1", "top5", "agreement", "top1_low", "top1_high"),
    ("top1_low", "top1_high"),
)
DETECTION = Task(
    "detection",
    "ap",
    "AP",
    "ap_vs_float",
    "AP against the float network's detections",
    (*COCO_NUMBERS, "ap_vs_float", "ap50_vs_float"),
)
TASKS = (CLASSIFICATION, DETECTION)
"""Every task; ``tasks.tasks.SCORERS`` has what scores each of them."""
