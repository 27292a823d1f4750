"""Scores of plans: what ``autosplit.evaluate`` gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from autosplit.errors import PlanError, counted, did_you_mean
from autosplit.evaluate.task import Task
from autosplit.report.candidate import FloatScore

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Scores:
    """Scores of plans, and of the float network first.

    A name gives a row (``scores["uniform8"]["drop"]``); going through the scores gives all rows,
    so that ``pandas.DataFrame(scores)`` works.

    Attributes:
        task: What the network is for, which says what the columns are.
        rows: Column -> value, of the float network and of each plan that ran; shares are 0..1,
            ``drop`` is in points.
    """

    task: Task
    rows: tuple[Mapping[str, Any], ...]

    @cached_property
    def by_name(self) -> dict[str, Mapping[str, Any]]:
        """Plan name, or ``float``, -> its row."""
        return {row["name"]: row for row in self.rows}

    @property
    def float_score(self) -> FloatScore:
        """What the float network scored."""
        return FloatScore.of(self.task, self.by_name)

    def __getitem__(self, name: str) -> Mapping[str, Any]:
        """The row of a plan, or of ``float``.

        Raises:
            PlanError: The plan was not measured.
        """
        if name not in self.by_name:
            near = did_you_mean(str(name), self.by_name)
            raise PlanError(f"scores: no plan {name!r} was measured{near}")
        return self.by_name[name]

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def to_pandas(self) -> DataFrame:
        """One row per plan, as in ``scores.csv``, the float network first."""
        from pandas import DataFrame

        table = DataFrame(list(self.rows), columns=list(self.task.scores_header))
        return table.set_index("name").astype({"cut_bytes": "Int64"})

    def __repr__(self) -> str:
        score = self.float_score
        return (
            f"Scores({counted(len(self.rows) - 1, 'plan')} on {counted(score.images, 'sample')}; "
            f"float network: "
            f"{score.metric} {100 * score.accuracy:.2f} %)"
        )

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>{self.to_pandas().to_html(float_format='{:.4g}'.format)}"
