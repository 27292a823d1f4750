"""The answers of one network to each image run so far: what the record of every task can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self

from autosplit.evaluate.task import Task
from autosplit.plan.plan import Plan


class Record(Protocol):
    """The answers to the images run so far, in the order in which they are run.

    Attributes:
        task: The task of the network.
        total: Number of images of the evaluation.
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
        """Add the answers to the next images, as the task's ``Judge.read`` made them."""

    def check(self) -> None:
        """Make sure that plans can be compared with this, the float network's record.

        Raises:
            DataError: They cannot be compared, and why.
        """

    def lost(self, reference: Any, max_drop: float, tests: int) -> bool:
        """Tell whether a plan loses more than is allowed, for certain or with the confidence asked.

        Args:
            reference: The float network's record.
            max_drop: Points that the plan may lose.
            tests: Number of looks at a plan before the last image.
        """

    def float_row(self) -> dict[str, Any]:
        """Make the float network's row of ``scores.csv``."""

    def plan_row(self, plan: Plan, reference: Any) -> dict[str, Any] | None:
        """Make a plan's row, over the images that it was run on; None if it was run on none."""

    def data(self) -> dict[str, Any]:
        """Return the record as plain data, as a file keeps it."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Make the record of what ``data`` returned."""
