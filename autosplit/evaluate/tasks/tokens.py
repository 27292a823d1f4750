"""Sequences: a class for each token (sequence labelling), or the next token (language model)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from autosplit.errors import DataError
from autosplit.evaluate.task import LANGUAGE_MODELLING, SEQUENCE_LABELLING, Task
from autosplit.evaluate.tasks.samples import (
    IGNORED,
    Answers,
    SampleRecord,
    Shares,
    kl_per_sample,
    tensor_labels,
)


def read_tokens(
    outputs: Answers, labels: object, batch: int, reference: Answers | None = None
) -> dict[str, Tensor]:
    """Read the class of each token.

    Args:
        outputs: The first are class scores, (batch, tokens, classes).
        labels: The class of each token, (batch, tokens), or None; those of -100 do not count.
        batch: Number of samples.
        reference: Outputs of the float network, or None where ``outputs`` are those.

    Raises:
        DataError: The output or the labels are of another shape, or a label is no class.
    """
    logits = _logits(outputs[0], batch)
    before = logits if reference is None else _logits(reference[0], batch)
    truth = tensor_labels(labels, "tokens")
    if truth is not None:
        _check_labels(truth, logits)
    counted = torch.ones(logits.shape[:2], dtype=torch.bool) if truth is None else truth != IGNORED
    found = logits.argmax(-1)
    answers = {
        "tokens": counted.sum(1),
        "same": ((found == before.argmax(-1)) & counted).sum(1),
        "kl": kl_per_sample(logits, before),
    }
    if truth is not None:
        answers["hits"] = ((found == truth) & counted).sum(1)
        loss = torch.nn.functional.cross_entropy(
            logits.double().flatten(0, 1), truth.flatten(), ignore_index=IGNORED, reduction="none"
        )
        answers["loss"] = loss.reshape(truth.shape).sum(1)
    return answers


def read_next_tokens(
    outputs: Answers, labels: object, batch: int, reference: Answers | None = None
) -> dict[str, Tensor]:
    """Read what a language model says of the next token.

    The scores at a place are compared with the label one place further, as in transformers: labels
    are the tokens of the input themselves.  The arguments are those of ``read_tokens``.

    Raises:
        DataError: As ``read_tokens``.
    """
    truth = tensor_labels(labels, "tokens")
    if truth is not None:
        _check_labels(truth, _logits(outputs[0], batch))
    if truth is None:
        return read_tokens(outputs, None, batch, reference)
    shifted = None if reference is None else [_logits(reference[0], batch)[:, :-1]]
    return read_tokens([_logits(outputs[0], batch)[:, :-1]], truth[:, 1:], batch, shifted)


def _logits(scores: Tensor, batch: int) -> Tensor:
    if scores.dim() != 3 or len(scores) != batch:
        raise DataError(
            "evaluation: the network's output must be class scores of each token, (batch, tokens, "
            f"classes), got {tuple(scores.shape)}"
        )
    return scores


def _check_labels(labels: Tensor, logits: Tensor) -> None:
    if labels.shape != logits.shape[:2]:
        raise DataError(
            f"evaluation data: must have a class for each token of {tuple(logits.shape[:2])}, got "
            f"labels of shape {tuple(labels.shape)}"
        )
    known = labels[labels != IGNORED]
    if known.numel() and not 0 <= int(known.min()) <= int(known.max()) < logits.shape[2]:
        worst = known.min() if known.min() < 0 else known.max()
        raise DataError(
            f"evaluation data: labels of tokens must be 0..{logits.shape[2] - 1}, the network's "
            f"classes, or {IGNORED} for tokens that do not count, got {int(worst)}"
        )


class TokenRecord(SampleRecord):
    """The record of a network that gives each token a class."""

    task: ClassVar[Task] = SEQUENCE_LABELLING

    def shares(self) -> Shares:
        """Return the number of right tokens of each sample, without labels those of float."""
        return Shares(self.array("hits" if "hits" in self.values else "same"), self.array("tokens"))

    def scores(self) -> dict[str, float | None]:
        """Compute the accuracy of tokens, and exp of the mean loss where the task asks for it."""
        found: dict[str, float | None] = dict.fromkeys(self.task.columns)
        tokens = max(float(self.array("tokens").sum()), 1.0)
        found["token_agreement"] = float(self.array("same").sum()) / tokens
        found["kl"] = float(self.array("kl").mean())
        if "hits" in self.values:
            found[self.task.metric] = float(self.array("hits").sum()) / tokens
            if "perplexity" in found:
                found["perplexity"] = float(np.exp(self.array("loss").sum() / tokens))
        return found


class NextTokenRecord(TokenRecord):
    """The record of a language model."""

    task: ClassVar[Task] = LANGUAGE_MODELLING
