"""Confidence scores: how sure a network's answer to an image is, 0..1.

A score sees answers of the quantized network alone, no label and no float answer.  Each score is a
function of ``SeenAnswers`` and a line in ``CONFIDENCE_SCORES``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from autosplit.errors import DataError, OptionError, did_you_mean
from autosplit.models.networks.yolo_decode import SHOWN_CONFIDENCE

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

    logits: Tensor | None = None
    boxes: Sequence[npt.NDArray[np.float64]] | None = None
    temperature: float = 1.0

    def probabilities(self, score: str) -> Tensor:
        """Probabilities of the classes at the temperature, (images, classes).

        Raises:
            DataError: There are no classes.
        """
        if self.logits is None:
            raise DataError(_wrong_task(score, "classes"))
        return (self.logits.double() / self.temperature).softmax(1)

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


def margin(seen: SeenAnswers) -> Confidences:
    """The softmax margin: the probability of the best class less that of the second best."""
    best = seen.probabilities("margin").topk(2, dim=1).values
    return np.asarray((best[:, 0] - best[:, 1]).nan_to_num(0.0))


def entropy(seen: SeenAnswers) -> Confidences:
    """One less the entropy of the tempered softmax, H(softmax(z / T)) / log(classes)."""
    p = seen.probabilities("entropy")
    found = -torch.special.xlogy(p, p).sum(1) / math.log(max(p.shape[1], 2))
    return np.asarray((1 - found).clamp(0, 1).nan_to_num(0.0))


def lowest_box(seen: SeenAnswers) -> Confidences:
    """The lowest score of a box that is shown; 0 where none is."""
    return np.array(
        [scores.min(initial=1.0) if len(scores) else 0.0 for scores in seen.shown("lowest-box")]
    )


def mean_box(seen: SeenAnswers) -> Confidences:
    """The mean score of the boxes that are shown; 0 where none is."""
    return np.array([scores.mean() if len(scores) else 0.0 for scores in seen.shown("mean-box")])


def fit_temperature(logits: Tensor, classes: Sequence[int]) -> float:
    """The temperature at which logits give other answers the greatest likelihood.

    Temperature scaling (Guo et al. 2017, section 4.2), with the float network's answers in place
    of labels.

    Args:
        logits: Class scores of the quantized network, (images, classes).
        classes: The float network's class of each image.
    """
    target = torch.tensor(classes)

    def loss(temperature: float) -> float:
        scaled = logits.double() / temperature
        return float(torch.nn.functional.cross_entropy(scaled, target))

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
