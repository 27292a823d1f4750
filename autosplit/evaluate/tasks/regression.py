"""Regression: numbers as answers; R2 and mean absolute error."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
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


class NumberRecord(SampleRecord):
    """The record of a network that answers with numbers."""

    task: ClassVar[Task] = REGRESSION

    def scores(self) -> dict[str, float | None]:
        """Compute R2 = 1 - sum (y - t)^2 / sum (t - mean t)^2, the mean over columns, and MAE."""
        found: dict[str, float | None] = dict.fromkeys(self.task.columns)
        found["r2_vs_float"], found["sqnr_db"] = r2_vs_float(self), sqnr_db(self)
        if "squared" not in self.values:
            return found
        count = self.array("labels").sum()
        spread = self.array("label_squared").sum(0) - self.array("label").sum(0) ** 2 / count
        squared = self.array("squared").sum(0)
        r2 = np.where(spread > 0, 1 - squared / np.where(spread > 0, spread, 1), squared == 0)
        found["r2"] = float(r2.mean())
        found["mae"] = float(self.array("absolute").sum() / (count * len(spread)))
        return found

    def least_drop(self, reference: SampleRecord, tests: int) -> float | None:  # noqa: ARG002
        """Return no bound: R2 is no mean over samples."""
        return None
