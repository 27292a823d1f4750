"""Regression: numbers as answers; R2 and mean absolute error."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from autosplit.errors import DataError
from autosplit.evaluate.task import REGRESSION, Task
from autosplit.evaluate.tasks.samples import (
    Answers,
    SampleRecord,
    moved,
    r2_vs_float,
    sqnr_db,
    tensor_labels,
)


def read_numbers(
    outputs: Answers, labels: object, batch: int, reference: Answers | None = None
) -> dict[str, Tensor]:
    """Read numbers as answers.

    Args:
        outputs: The first are numbers, (batch,), (batch, numbers), or maps (batch, ...).
        labels: The true numbers, of the same shape, or None.
        batch: Number of samples.
        reference: Outputs of the float network, or None where ``outputs`` are those.

    Raises:
        DataError: The labels are of another shape.
    """
    answers = moved(outputs[:1], (reference or outputs)[:1])
    truth = tensor_labels(labels, "regression")
    if truth is None:
        return answers
    own = outputs[0]
    if len(own) != batch or truth.numel() != own.numel():
        raise DataError(
            f"evaluation data: must have a number for each of the network's answers "
            f"{tuple(own.shape)}, got labels of shape {tuple(truth.shape)}"
        )
    # the numbers of a map count as one; columns of a table are averaged
    shape = (batch, -1, 1) if own.dim() > 2 else (batch, 1, -1)
    own, truth = own.double().reshape(shape), truth.double().reshape(shape)
    error = own - truth
    return {
        **answers,
        "squared": error.square().sum(1),
        "absolute": error.abs().sum(1),
        "label": truth.sum(1),
        "label_squared": truth.square().sum(1),
        "labels": torch.full((batch,), own.shape[1]),
    }


_ROUNDING = 1e-12
"""Labels differ by less than this part of their squares where all are the same."""


class NumberRecord(SampleRecord):
    """The record of a network that answers with numbers."""

    task: ClassVar[Task] = REGRESSION

    def scores(self) -> dict[str, float | None]:
        """Compute R2 = 1 - sum (y - t)^2 / sum (t - mean t)^2, the mean over columns, and MAE.

        A column whose labels are all the same has no R2; without any other R2 is None.
        """
        found: dict[str, float | None] = dict.fromkeys(self.task.columns)
        found["r2_vs_float"], found["sqnr_db"] = r2_vs_float(self), sqnr_db(self)
        if "squared" not in self.values:
            return found
        count = self.array("labels").sum()
        squares = self.array("label_squared").sum(0)
        spread = squares - self.array("label").sum(0) ** 2 / count
        known = spread > _ROUNDING * squares
        if known.any():
            r2 = 1 - self.array("squared").sum(0)[known] / spread[known]
            found["r2"] = float(r2.mean())
        found["mae"] = float(self.array("absolute").sum() / (count * len(spread)))
        return found

    @property
    def constant(self) -> str:
        """Which labels are all the same, so that R2 is undefined; empty where R2 is not."""
        if "squared" not in self.values or self.scores()["r2"] is not None:
            return ""
        found = {f"{one:g}" for one in self.array("label").sum(0) / self.array("labels").sum()}
        return f"all labels are {found.pop()}" if len(found) == 1 else "no column has two labels"

    def least_drop(self, reference: SampleRecord, tests: int) -> float | None:  # noqa: ARG002
        """Return no bound: R2 is no mean over samples."""
        return None
