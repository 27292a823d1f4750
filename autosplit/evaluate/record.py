"""The record of what a network answered to each image so far: what every task's record can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self

from autosplit.evaluate.task import Task
from autosplit.plan.plan import Plan


class Record(Protocol):
    """What became of the images run so far, in the order in which they are run.

    Attributes:
        task: What the network is for.
        total: Images there are.
    """

    task: ClassVar[Task]
    total: int

    @property
    def seen(self) -> int:
        """Images run so far."""

    @property
    def done(self) -> bool:
        """Whether all images were run."""

    def add(self, answers: Any) -> None:
        """Put down the answers to the next images."""

    def check(self) -> None:
        """Make sure that plans can be compared with this, the float network's record.

        Raises:
            DataError: They cannot.
        """

    def lost(self, reference: Any, max_drop: float, tests: int) -> bool:
        """Whether a plan loses more than is allowed, for certain or with the confidence asked.

        Args:
            reference: The float network's record.
            max_drop: Points that it may lose.
            tests: How often a plan is looked at before the last image.
        """

    def float_row(self) -> dict[str, Any]:
        """The float network's row of ``scores.csv``."""

    def plan_row(self, plan: Plan, reference: Any) -> dict[str, Any] | None:
        """A plan's row, over the images it was run on; None if it was run on none."""

    def data(self) -> dict[str, Any]:
        """The record as a file keeps it."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """The record of ``data``."""
