"""What a network is for, and the columns of the scores of each task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
    """

    name: str
    metric: str
    metric_name: str
    agreement: str
    agreement_name: str
    columns: tuple[str, ...]

    @property
    def measured(self) -> tuple[str, ...]:
        """Columns of ``summary.csv`` that are taken from ``scores.csv``."""
        return ("images", *self.columns, "drop")

    @property
    def scores_header(self) -> tuple[str, ...]:
        """Columns of ``scores.csv``."""
        return ("name", *self.measured, "cut_bytes")

    def accuracy(self, score: Mapping[str, str]) -> float | None:
        """Read the accuracy, 0..1, in a row of ``scores.csv``; None if it was not measured."""
        found = score.get(self.metric) or score.get(self.agreement)
        return float(found) if found else None


CLASSIFICATION = Task(
    "classification",
    "top1",
    "top-1",
    "agreement",
    "agreement with the float network",
    ("top1", "top5", "agreement", "top1_low", "top1_high"),
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
