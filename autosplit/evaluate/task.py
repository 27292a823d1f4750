"""What a network is for, and by which numbers its accuracy is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autosplit.files import read_csv, read_header, write_csv

NUMBERS = (
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
"""Names of the twelve numbers of COCO in its order; ``detection`` says what they are."""
FLOAT = "float"
"""Name of the float network's own row among the scores."""


@dataclass(frozen=True, slots=True)
class Task:
    """One task; its columns are those of ``scores.csv`` and ``summary.csv``.

    Attributes:
        name: Of the task.
        metric: Column of the accuracy that a drop is counted in, where there are labels.
        metric_name: How a person calls it.
        agreement: Column of what is taken for accuracy where there are no labels.
        agreement_name: How a person calls it.
        columns: All that is measured of a plan but its drop, in order; shares are 0..1.
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
        """A plan's accuracy, 0..1, by its row of ``scores.csv``; None if it was not measured."""
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
    (*NUMBERS, "ap_vs_float", "ap50_vs_float"),
)
TASKS = (CLASSIFICATION, DETECTION)


CLASSES_HEADER = ("name", "class", "ap")


def write_scores(folder: Path, task: Task, scores: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Write ``scores.csv``, and ``class_scores.csv`` where scores are known by class.

    Args:
        folder: Run folder.
        task: What the network is for.
        scores: As they were measured.

    Returns:
        Names of the files.
    """
    rows = [{key: score.get(key) for key in task.scores_header} for score in scores]
    write_csv(folder / "scores.csv", task.scores_header, rows)
    classes = [
        {"name": score["name"], "class": label, "ap": value}
        for score in scores
        for label, value in score.get("per_class", {}).items()
    ]
    if not classes:
        return ("scores.csv",)
    write_csv(folder / "class_scores.csv", CLASSES_HEADER, classes)
    return ("scores.csv", "class_scores.csv")


def read_scores(path: Path) -> tuple[Task, dict[str, dict[str, str]]]:
    """The task of a ``scores.csv``, known by its header, and name -> row.

    Raises:
        FileError: The file is missing, or its header is that of no task.
    """
    header = read_header(path)
    task = next((t for t in TASKS if t.metric in header), CLASSIFICATION)
    return task, {row["name"]: row for row in read_csv(path, task.scores_header)}
