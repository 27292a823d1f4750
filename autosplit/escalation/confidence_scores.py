"""Confidence scores: how sure a network's answer to an image is, 0..1.

A score sees answers of the quantized network alone, no label and no float answer.  Each score is a
function of ``SeenAnswers`` and a line in ``CONFIDENCE_SCORES``.  A device computes them too, so
they are in numpy alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autosplit.errors import DataError, OptionError, did_you_mean
from autosplit.models.networks.yolo_heads import SHOWN_CONFIDENCE

Confidences = npt.NDArray[np.float64]
"""One number for each image, 0..1, shape (images,)."""
USUAL_SCORE = "auto"
"""The usual score of the task."""
TEMPERATURES = tuple(2.0 ** (step / 4) for step in range(-16, 17))
"""Temperatures that are tried, 1/16 to 16."""


@dataclass(frozen=True)
class SeenAnswers:
    """What a network answered to some images.

    Attributes:
        logits: Class scores before the softmax, (images, classes); None for a detector.
        boxes: Scores of the boxes found in each image; None for a classifier.
        temperature: By which logits are divided.
    """

    logits: npt.NDArray[np.floating[Any]] | None = None
    boxes: Sequence[npt.NDArray[np.float64]] | None = None
    temperature: float = 1.0

    def probabilities(self, score: str) -> npt.NDArray[np.float64]:
        """Probabilities of the classes at the temperature, (images, classes).

        Raises:
            DataError: There are no classes.
        """
        if self.logits is None:
            raise DataError(_wrong_task(score, "classes"))
        return _softmax(self.logits / self.temperature)

    def shown(self, score: str) -> list[npt.NDArray[np.float64]]:
        """Scores of the boxes that are shown to a person, of each image.

        Raises:
            DataError: There are no boxes.
        """
        if self.boxes is None:
            raise DataError(_wrong_task(score, "boxes"))
        return [scores[scores >= SHOWN_CONFIDENCE] for scores in self.boxes]


def _wrong_task(score: str, what: str) -> str:
    fitting = ", ".join(name for name in CONFIDENCE_SCORES if name != score)
    return f"escalation: the score {score} needs {what}, which the network does not give; {fitting}"


def _softmax(logits: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Probabilities of logits, (images, classes); NaN where a logit is none."""
    numbers = np.asarray(logits, np.float64)
    with np.errstate(invalid="ignore"):  # infinity less infinity
        powers = np.exp(numbers - numbers.max(1, keepdims=True))
    found: npt.NDArray[np.float64] = powers / powers.sum(1, keepdims=True)
    return found


def margin(seen: SeenAnswers) -> Confidences:
    """The softmax margin: the probability of the best class less that of the second best."""
    best = np.partition(seen.probabilities("margin"), -2, axis=1)[:, -2:]
    found: Confidences = np.nan_to_num(best[:, 1] - best[:, 0], nan=0.0)
    return found


def entropy(seen: SeenAnswers) -> Confidences:
    """One less the entropy of the tempered softmax, H(softmax(z / T)) / log(classes)."""
    p = seen.probabilities("entropy")
    share = -(p * np.log(np.where(p == 0, 1.0, p))).sum(1) / math.log(max(p.shape[1], 2))
    found: Confidences = np.nan_to_num((1 - share).clip(0, 1), nan=0.0)
    return found


def lowest_box(seen: SeenAnswers) -> Confidences:
    """The lowest score of a box that is shown; 0 where none is."""
    return np.array(
        [scores.min(initial=1.0) if len(scores) else 0.0 for scores in seen.shown("lowest-box")]
    )


def mean_box(seen: SeenAnswers) -> Confidences:
    """The mean score of the boxes that are shown; 0 where none is."""
    return np.array([scores.mean() if len(scores) else 0.0 for scores in seen.shown("mean-box")])


def fit_temperature(logits: npt.NDArray[np.floating[Any]], classes: Sequence[int]) -> float:
    """The temperature at which logits give other answers the greatest likelihood.

    Temperature scaling (Guo et al. 2017, section 4.2), with the float network's answers in place
    of labels.

    Args:
        logits: Class scores of the quantized network, (images, classes).
        classes: The float network's class of each image.
    """
    numbers = logits.astype(np.float64)
    own = numbers[np.arange(len(numbers)), list(classes)]

    def loss(temperature: float) -> float:
        """Mean of -log softmax(z / T) at the other's class: logsumexp(z / T) - z_class / T."""
        top = numbers.max(1)
        sums = np.log(np.exp((numbers - top[:, None]) / temperature).sum(1)) + top / temperature
        return float((sums - own / temperature).mean())

    found: float = min(TEMPERATURES, key=loss)
    return found


def confidence_score(name: str, *, boxes: bool) -> tuple[str, ConfidenceScore]:
    """Find a score.

    Args:
        name: Name of a score, or ``auto``.
        boxes: Whether the network finds boxes.

    Raises:
        OptionError: There is no such score.
    """
    if name == USUAL_SCORE:
        name = "lowest-box" if boxes else "margin"
    if name not in CONFIDENCE_SCORES:
        near = did_you_mean(name, [USUAL_SCORE, *CONFIDENCE_SCORES])
        raise OptionError(f"--escalation: unknown confidence score {name!r}{near}")
    return name, CONFIDENCE_SCORES[name]


ConfidenceScore = Callable[[SeenAnswers], Confidences]
CONFIDENCE_SCORES: dict[str, ConfidenceScore] = {
    "margin": margin,
    "entropy": entropy,
    "lowest-box": lowest_box,
    "mean-box": mean_box,
}
"""Name of a score -> its function."""
TEMPERED = frozenset({"entropy"})
"""Scores for which a temperature is fitted."""
