"""Several outputs that are scored each by a task of its own; the accuracy is their mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from torch import Tensor

from autosplit.errors import DataError
from autosplit.evaluate.record import Record
from autosplit.evaluate.task import FLOAT, SEVERAL, Task
from autosplit.evaluate.tasks.binary import BinaryRecord, MultiLabelRecord
from autosplit.evaluate.tasks.classification import ClassRecord
from autosplit.evaluate.tasks.detection import BoxRecord
from autosplit.evaluate.tasks.embedding import VectorRecord
from autosplit.evaluate.tasks.own_score import OwnScoreRecord
from autosplit.evaluate.tasks.regression import NumberRecord
from autosplit.evaluate.tasks.samples import mean_of
from autosplit.evaluate.tasks.segmentation import PixelRecord
from autosplit.evaluate.tasks.tokens import NextTokenRecord, TokenRecord
from autosplit.plan.plan import Plan
from autosplit.search.tolerance import keeps_drop

RECORDS: dict[str, type[Record]] = {
    record.task.name: record
    for record in (
        ClassRecord,
        BinaryRecord,
        MultiLabelRecord,
        NumberRecord,
        PixelRecord,
        VectorRecord,
        TokenRecord,
        NextTokenRecord,
        BoxRecord,
        OwnScoreRecord,
    )
}
"""Name of a task -> its record."""


@dataclass
class SeveralRecord:
    """The record of a network of which several outputs are scored.

    Attributes:
        total: Number of samples of the evaluation.
        parts: Name of an output -> its record.
    """

    task: ClassVar[Task] = SEVERAL
    total: int = 0
    parts: dict[str, Record] = field(default_factory=dict)

    @property
    def seen(self) -> int:
        """Samples run so far."""
        return min((part.seen for part in self.parts.values()), default=0)

    @property
    def done(self) -> bool:
        """Whether all samples were run."""
        return 0 < self.total == self.seen

    def add(self, answers: Mapping[str, Any]) -> None:
        """Add the answers of each output to the next samples."""
        for name, one in answers.items():
            self.parts[name].add(one)

    def check(self) -> None:
        """Make sure that plans can be compared with this, the float network's record.

        Raises:
            DataError: Those of one output cannot be.
        """
        for part in self.parts.values():
            part.check()

    def lost(self, reference: SeveralRecord, max_drop: float, tests: int) -> bool:  # noqa: ARG002
        """Tell whether a plan loses more than is allowed, once all samples were run."""
        if not self.done:
            return False
        rows = self._rows(None, reference)
        return not keeps_drop(mean_of(row["drop"] for row in rows.values()) or 0.0, max_drop)

    def float_row(self) -> dict[str, Any]:
        """Make the float network's row of ``scores.csv``, with the rows of its outputs."""
        rows = {name: part.float_row() for name, part in self.parts.items()}
        return {"name": FLOAT, "images": self.seen, **self._means(rows), "drop": 0.0}

    def plan_row(self, plan: Plan, reference: SeveralRecord) -> dict[str, Any] | None:
        """Make a plan's row; its drop is the mean of the outputs' drops."""
        if not self.seen:
            return None
        rows = self._rows(plan, reference)
        return {
            "name": plan.name,
            "images": self.seen,
            **self._means(rows),
            "drop": mean_of(row["drop"] for row in rows.values()),
            "cut_bytes": plan.crossing_bytes,
        }

    def _rows(self, plan: Plan | None, reference: SeveralRecord) -> dict[str, dict[str, Any]]:
        found = {}
        for name, part in self.parts.items():
            about: Any = plan or _Nameless()
            row = part.plan_row(about, reference.parts[name])
            assert row is not None
            found[name] = row
        return found

    def _means(self, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Mean accuracy and agreement of the outputs, and every column of each."""
        tasks = {name: part.task for name, part in self.parts.items()}
        accuracies = [rows[name].get(task.metric) for name, task in tasks.items()]
        agreements = [rows[name].get(task.agreement) for name, task in tasks.items()]
        known = [value for value in accuracies if value is not None]
        per_output = {
            name: {column: rows[name].get(column) for column in task.columns}
            for name, task in tasks.items()
        }
        return {
            "mean_accuracy": mean_of(known),
            "mean_agreement": mean_of(1.0 if value is None else value for value in agreements),
            "per_output": per_output,
        }

    def data(self) -> dict[str, Any]:
        """Return the record as plain data, as a file keeps it."""
        parts = {
            name: {"task": part.task.name, "record": part.data()}
            for name, part in self.parts.items()
        }
        return {"total": self.total, "parts": parts}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Make the record of what ``data`` returned."""
        parts = {
            name: RECORDS[part["task"]].of(part["record"]) for name, part in data["parts"].items()
        }
        return cls(total=int(data["total"]), parts=parts)


class _Nameless:
    """Stands for a plan where only a drop is asked for."""

    name = ""
    crossing_bytes = 0


def labels_of_one(labels: Any, name: str, place: int) -> Any:
    """Labels of the one output that is scored, out of labels for one or for several outputs.

    Args:
        labels: Labels of a batch: for this output alone, or by the names of outputs, or one for
            each output in their order; None without any.
        name: Name of the output.
        place: Number of the output among all outputs of the network.
    """
    if isinstance(labels, Mapping):
        return labels.get(name)
    if isinstance(labels, tuple | list) and all(isinstance(one, Tensor) for one in labels):
        return labels[place] if place < len(labels) else None
    return labels


def labels_of(labels: Any, name: str, place: int) -> Any:
    """Labels of one output: by its name in a dictionary, by its place in a tuple or a list.

    Args:
        labels: Labels of a batch for all outputs; None without any.
        name: Name of the output.
        place: Number of the output among the outputs that are scored.

    Raises:
        DataError: There is one tensor of labels for several outputs.
    """
    if labels is None or isinstance(labels, Mapping):
        return None if labels is None else labels.get(name)
    if isinstance(labels, tuple | list) and place < len(labels):
        return labels[place]
    kind = "one tensor" if isinstance(labels, Tensor) else f"{len(labels)} labels"
    raise DataError(
        f"evaluation data: several outputs are scored, so labels must be a dictionary by the names "
        f"of the outputs or a tuple in their order, got {kind}"
    )
