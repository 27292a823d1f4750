"""When the edge of a bundle answers by itself: a confidence score, and its threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autosplit.deploy.tensor_bytes import TensorValue
from autosplit.errors import FileError
from autosplit.escalation.confidence_scores import CONFIDENCE_SCORES, Confidences, SeenAnswers
from autosplit.files import check_keys
from autosplit.halves.wire.jpeg import to_pixels
from autosplit.halves.wire.layout import WireLayout
from autosplit.halves.wire.message import Message

Chosen = npt.NDArray[np.bool_]
"""Some of the samples of a batch."""
EdgeAnswers = Mapping[str, TensorValue]
"""``output:<place>`` -> value, (batch, ...)."""
_KEYS = "score temperature threshold output mean std".split()


@dataclass(frozen=True, slots=True)
class EscalationRule:
    """What decides whether the edge answers a sample or sends it on.

    Attributes:
        score: Name of the confidence score.
        temperature: By which logits are divided before the score is taken.
        threshold: Least confidence, 0..1, of an answer that is not sent on.
        output: Output that the score is taken of, ``output:<place>``.
        mean, std: Of the pixels of an input that is sent on as a JPEG file; empty for tensors.
    """

    score: str
    temperature: float
    threshold: float
    output: str
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def confidences(self, answers: EdgeAnswers) -> Confidences:
        """How sure each sample's answer is, 0..1, shape (batch,).

        Args:
            answers: What the edge answers, ``output:<place>`` -> value, (batch, ...).
        """
        logits = answers[self.output]
        seen = SeenAnswers(logits.reshape(len(logits), -1), temperature=self.temperature)
        return CONFIDENCE_SCORES[self.score](seen)

    def message(
        self,
        layout: WireLayout,
        inputs: Mapping[str, TensorValue],
        made: Message,
        chosen: Chosen,
    ) -> Message:
        """The message of some samples: tensors of the edge half, or the inputs as pictures.

        Args:
            layout: What a message holds.
            inputs: Input -> value, (batch, ...).
            made: What the edge half gave of the batch.
            chosen: The samples.
        """
        if not self.mean:
            return Message(layout, {name: made.tensors[name][chosen] for name in layout.names})
        pixels = {
            name: to_pixels(inputs[name][chosen].astype(np.float32), self.mean, self.std)
            for name in layout.names
        }
        return Message(layout, pixels)

    def same(self, answers: EdgeAnswers, others: EdgeAnswers) -> list[bool]:
        """Whether two halves answer the same class to each sample."""
        best = (one[self.output].reshape(len(one[self.output]), -1) for one in (answers, others))
        own, other = (np.argmax(one, axis=1) for one in best)
        return [bool(one) for one in np.equal(own, other)]


def rule_to_dict(rule: EscalationRule) -> dict[str, Any]:
    """A rule as a manifest holds it."""
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in asdict(rule).items()
    }


def rule_from_dict(data: Any, where: str) -> EscalationRule:
    """Read what ``rule_to_dict`` gave.

    Raises:
        FileError: It is no rule.
    """
    if not isinstance(data, Mapping):
        raise FileError(f"{where}: must be keys and values, got {data!r:.60}")
    problems = check_keys(data, _KEYS, where=where)
    if not problems:
        if data["score"] not in _ON_DEVICE:
            problems.append(f"{where}: score must be one of {', '.join(_ON_DEVICE)}")
        for key, low, high in (("temperature", 1e-9, 1e9), ("threshold", 0.0, 1.0)):
            value = data[key]
            if type(value) not in (int, float) or not low <= value <= high:
                problems.append(f"{where}: {key} must be {low:g}..{high:g}, got {value!r:.40}")
        for key in ("mean", "std"):
            numbers = data[key]
            if not isinstance(numbers, list) or any(type(x) not in (int, float) for x in numbers):
                problems.append(f"{where}: {key} must be a list of numbers, got {numbers!r:.40}")
    if problems:
        raise FileError("; ".join(problems))
    return EscalationRule(**{**data, "mean": tuple(data["mean"]), "std": tuple(data["std"])})


def takes_classes(score: str) -> bool:
    """Whether a device can compute a score: it reads classes, and cannot read boxes yet."""
    return score in _ON_DEVICE


_ON_DEVICE = ("margin", "entropy")
