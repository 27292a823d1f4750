"""``scores.csv`` and ``class_scores.csv``: accuracies of the float network and of every plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autosplit.evaluate.task import CLASSIFICATION, TASKS, Task
from autosplit.files import read_csv, read_header, write_csv

CLASS_SCORES_HEADER = ("name", "class", "ap")
"""Columns of ``class_scores.csv``."""
OUTPUT_SCORES_HEADER = ("name", "output", "column", "value")
"""Columns of ``output_scores.csv``, where several outputs are scored."""

BOX_SCORES_HEADER = (
    *("name", "class", "there", "found", "precision", "recall", "f1"),
    *("best_score", "best_precision", "best_recall", "best_f1"),
)
"""Columns of ``box_scores.csv``; ``found`` and the next three are at a score of 0.25."""
CURVES_HEADER = ("name", "class", "recall", "precision")
"""Columns of ``precision_recall.csv``."""
CONFUSION_HEADER = ("name", "there", "found", "boxes")
"""Columns of ``confusion.csv``."""
BOX_FILES = {
    "box_scores.csv": BOX_SCORES_HEADER,
    "precision_recall.csv": CURVES_HEADER,
    "confusion.csv": CONFUSION_HEADER,
}
"""Name of a file of what is measured of boxes beside average precision -> its columns."""


def write_scores(folder: Path, task: Task, scores: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Write ``scores.csv``, and a file by class or by output where scores are known so.

    Args:
        folder: Run folder.
        task: The task of the network.
        scores: Rows of the float network and of each plan, from ``Record.float_row`` and
            ``Record.plan_row``.

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
    names = ["scores.csv"]
    if classes:
        write_csv(folder / "class_scores.csv", CLASS_SCORES_HEADER, classes)
        names.append("class_scores.csv")
    names += _write_measures(folder, scores)
    outputs = [
        {"name": score["name"], "output": output, "column": column, "value": value}
        for score in scores
        for output, row in score.get("per_output", {}).items()
        for column, value in row.items()
    ]
    if outputs:
        write_csv(folder / "output_scores.csv", OUTPUT_SCORES_HEADER, outputs)
        names.append("output_scores.csv")
    return tuple(names)


def _write_measures(folder: Path, scores: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write what is measured of boxes beside average precision, where it is.

    Returns:
        Names of the files.
    """
    measured = [score["box_measures"] for score in scores if score.get("box_measures")]
    if not measured:
        return []
    for file, header in BOX_FILES.items():
        write_csv(folder / file, header, [row for rows in measured for row in rows[file]])
    return list(BOX_FILES)


def read_scores(path: Path) -> tuple[Task, dict[str, dict[str, str]]]:
    """Read a ``scores.csv``: its task, which its header tells, and name of a plan -> row.

    Raises:
        FileError: The file is missing, or its header is that of no task.
    """
    header = read_header(path)
    task = next((task for task in TASKS if header in _headers(task)), CLASSIFICATION)
    columns = header if header in _headers(task) else task.scores_header
    return task, {row["name"]: row for row in read_csv(path, columns)}


def _headers(task: Task) -> tuple[tuple[str, ...], ...]:
    """The header of a task, and that of versions before 0.2, which counted no pairs."""
    older = tuple(name for name in task.scores_header if name not in task.pairs)
    return task.scores_header, older
