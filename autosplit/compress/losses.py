"""The loss of a training: of a task, from answers and labels, and from a teacher.

| task | loss |
| --- | --- |
| classification | cross entropy, with label smoothing (Szegedy et al. 2016, section 7) |
| segmentation | cross entropy of every pixel; label 255 counts for none |
| binary, multi-label | binary cross entropy of the logits |
| regression | mean squared error |
| detection | ``yolo_loss.py`` |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.nn import functional

from autosplit.compress.fit import distillation_loss
from autosplit.data.images import Labels
from autosplit.errors import DataError, OptionError

IGNORED_PIXEL = 255
TaskLoss = Callable[[Tensor, Tensor, float], Tensor]
"""Answers, labels, label smoothing -> mean loss of the samples."""


@dataclass(frozen=True, slots=True)
class Objective:
    """The loss of a batch.

    Attributes:
        task: Name of the task.
        smoothing: Label smoothing.
        share: Share of the divergence from the teacher in the loss; the rest is that of the labels.
        own: Loss of the labels, of all outputs; None: that of the task, of the first output.
        taught: Loss of labels and of a teacher's boxes and features together, in place of all else.
    """

    task: str
    smoothing: float = 0.0
    share: float = 0.0
    own: Callable[[Sequence[Tensor], Any, float], Tensor] | None = None
    taught: Callable[[Sequence[Tensor], Any, Sequence[Tensor]], Tensor] | None = None

    def __post_init__(self) -> None:
        if self.share < 1 and self.own is None and self.task not in TASK_LOSSES:
            raise OptionError(
                f"train: has no loss for the labels of the task {self.task}, has one for "
                f"{', '.join(sorted(TASK_LOSSES))}; a --teacher with --teacher-share 1 needs none"
            )

    def __call__(
        self, answers: Sequence[Tensor], labels: Labels | None, teacher: Sequence[Tensor] | None
    ) -> Tensor:
        """Loss of a batch.

        Raises:
            DataError: There are no labels, and the loss needs them.
        """
        if labels is None and (self.share < 1 or self.taught is not None):
            raise DataError(
                "training data: must have labels to be trained on, have none; name a --teacher "
                "with --teacher-share 1, or other data with --data"
            )
        if self.taught is not None:
            assert teacher is not None
            return self.taught(answers, labels, teacher)
        parts = []
        if self.share > 0:
            assert teacher is not None
            parts.append(self.share * distillation_loss(answers, teacher))
        if self.share < 1:
            assert labels is not None
            if self.own is not None:
                loss = self.own(answers, labels, self.smoothing)
            else:
                loss = TASK_LOSSES[self.task](answers[0], labels, self.smoothing)
            parts.append((1 - self.share) * loss)
        return sum(parts[1:], parts[0])


def _classes(answers: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    return functional.cross_entropy(answers, labels.long(), label_smoothing=smoothing)


def _pixels(answers: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    return functional.cross_entropy(
        answers, labels.long(), ignore_index=IGNORED_PIXEL, label_smoothing=smoothing
    )


def _binary(answers: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    smooth = labels.reshape(answers.shape).to(answers.dtype) * (1 - smoothing) + smoothing / 2
    return functional.binary_cross_entropy_with_logits(answers, smooth)


def _values(answers: Tensor, labels: Tensor, _: float) -> Tensor:
    return functional.mse_loss(answers, labels.reshape(answers.shape).to(answers.dtype))


TASK_LOSSES: dict[str, TaskLoss] = {
    "binary": _binary,
    "classification": _classes,
    "multi-label": _binary,
    "regression": _values,
    "segmentation": _pixels,
}
"""Name of a task -> its loss."""
