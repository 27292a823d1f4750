"""Yes or no: one answer a sample (binary), or one for each of several labels (multi-label)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor

from autosplit.errors import DataError
from autosplit.evaluate.task import BINARY, MULTI_LABEL, Task
from autosplit.evaluate.tasks.samples import Answers, SampleRecord, Shares, tensor_labels

if TYPE_CHECKING:
    import numpy.typing as npt

_TINY = 1e-7
THRESHOLD = 0.5
"""A probability above is a yes; of logits, one above 0."""


def read_yes_no(
    outputs: Answers,
    labels: object,
    batch: int,
    reference: Answers | None = None,
    *,
    probabilities: bool,
) -> dict[str, Tensor]:
    """Read answers of yes or no.

    Args:
        outputs: The first are scores, (batch,), (batch, 1) or (batch, labels).
        labels: 0 or 1 for each score, or None.
        batch: Number of samples.
        reference: Outputs of the float network, or None where ``outputs`` are those.
        probabilities: Whether scores are probabilities, as a sigmoid gives, and no logits.

    Raises:
        DataError: The scores or the labels are of another shape, or a label is neither 0 nor 1.
    """
    scores = _probabilities(outputs[0], batch, probabilities)
    before = scores if reference is None else _probabilities(reference[0], batch, probabilities)
    answers = {"score": scores, "same": (scores > THRESHOLD) == (before > THRESHOLD)}
    answers["kl"] = _kl(scores, before).mean(1)
    truth = tensor_labels(labels, "yes or no")
    if truth is not None:
        answers["label"] = _zeros_and_ones(truth, scores)
    return answers


def _probabilities(scores: Tensor, batch: int, probabilities: bool) -> Tensor:
    if scores.dim() not in (1, 2) or len(scores) != batch:
        raise DataError(
            "evaluation: the network's output must be one number for each answer of yes or no, "
            f"(batch,) or (batch, labels), got {tuple(scores.shape)}"
        )
    scores = scores.double().reshape(batch, -1)
    # a logit that is NaN says no, and so does a probability
    return (scores if probabilities else scores.sigmoid()).nan_to_num(0.0)


def _zeros_and_ones(labels: Tensor, scores: Tensor) -> Tensor:
    if labels.numel() != scores.numel():
        raise DataError(
            f"evaluation data: must have a label for each of {scores[0].numel()} answers of yes or "
            f"no, got labels of shape {tuple(labels.shape)}"
        )
    labels = labels.reshape(scores.shape).double()
    wrong = labels[(labels != 0) & (labels != 1)]
    if wrong.numel():
        raise DataError(
            f"evaluation data: labels must be 0 or 1 for answers of yes or no, got {wrong[0]:g}"
        )
    return labels.long()


def _kl(scores: Tensor, before: Tensor) -> Tensor:
    """KL divergence of two Bernoulli distributions, nats; probabilities end at ``_TINY``."""
    total = torch.zeros_like(scores)
    for p, q in ((before, scores), (1 - before, 1 - scores)):
        total += p * (p.clamp_min(_TINY).log() - q.clamp_min(_TINY).log())
    return total.clamp_min(0)


class YesNoRecord(SampleRecord):
    """The record of answers of yes or no.

    Its statistics are ``score`` (the probability of yes), ``label`` where there are labels,
    ``same`` (whether the float network answers the same), and ``kl``.
    """

    @property
    def has_labels(self) -> bool:
        """Whether samples have labels."""
        return "label" in self.values

    def hits(self) -> npt.NDArray[np.float64]:
        """Whether each answer is right, or without labels that of the float network."""
        if not self.has_labels:
            return self.array("same")
        right = (self.array("score") > THRESHOLD) == self.array("label")
        return np.asarray(right, np.float64)

    def shares(self) -> Shares:
        """Return the number of right answers of each sample."""
        hits = self.hits()
        return Shares(hits.sum(1), np.full(len(hits), float(hits.shape[1])))

    def scores(self) -> dict[str, float | None]:
        """Compute accuracy, F1 and area under the ROC curve (macro means over labels)."""
        task = self.task
        found: dict[str, float | None] = dict.fromkeys(task.columns)
        found[task.agreement] = float(self.array("same").mean())
        found["kl"] = float(self.array("kl").mean())
        if self.has_labels:
            found[task.metric] = self.shares().accuracy
            found["f1"], found["auroc"] = _f1_and_auroc(self.array("score"), self.array("label"))
        return found


def _f1_and_auroc(
    scores: npt.NDArray[np.float64], labels: npt.NDArray[np.float64]
) -> tuple[float | None, float | None]:
    """Macro F1 and macro AUROC, by torchmetrics; AUROC is None where no label has both values."""
    from torchmetrics.functional.classification import (  # noqa: PLC0415 - slow to import
        binary_auroc,
        binary_f1_score,
    )

    f1, areas = [], []
    for score, label in zip(scores.T, labels.T, strict=True):
        pair = torch.tensor(score), torch.tensor(label).long()
        f1.append(float(binary_f1_score(*pair, threshold=THRESHOLD, validate_args=False)))
        if 0 < label.sum() < len(label):
            areas.append(float(binary_auroc(*pair, validate_args=False)))
    return float(np.mean(f1)), float(np.mean(areas)) if areas else None


class BinaryRecord(YesNoRecord):
    """The record of a network that answers yes or no."""

    task: ClassVar[Task] = BINARY


class MultiLabelRecord(YesNoRecord):
    """The record of a network that answers yes or no to several labels."""

    task: ClassVar[Task] = MULTI_LABEL


yes_no_of_logits = partial(read_yes_no, probabilities=False)
yes_no_of_probabilities = partial(read_yes_no, probabilities=True)
