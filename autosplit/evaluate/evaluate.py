"""Measure what a plan does to accuracy: run its two halves on a data set, bytes and all.

The edge half computes on the integers that the plan file says, the crossing tensors are packed to
their width, unpacked and read back, and the cloud half runs in float.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from scipy.stats import binomtest
from torch import Tensor

from autosplit.capture.program import Program
from autosplit.data.images import Labels
from autosplit.errors import DataError, PlanError
from autosplit.halves.halves import Deployed, deploy
from autosplit.plan.planfile import PlanFile

Batches = Callable[[], Iterable[tuple[Tensor, Labels | None]]]
"""Gives the same (images, labels) batches each time it is called; labels may be None."""
CONFIDENCE = 0.95
TOP = 5


@dataclass(frozen=True)
class Reference:
    """What the float network answers on a data set.

    Attributes:
        classes: Its most probable class per image, shape (images,).
        hits: Labels that it gets right; None without labels.
        hits5: Labels among its five most probable classes; None without labels.
    """

    classes: Tensor
    hits: int | None
    hits5: int | None

    @property
    def top1(self) -> float | None:
        """Share of labels that it gets right, 0..1."""
        return None if self.hits is None else self.hits / len(self.classes)

    @property
    def top5(self) -> float | None:
        """Share of labels among its five most probable classes, 0..1."""
        return None if self.hits5 is None else self.hits5 / len(self.classes)


@dataclass(frozen=True, slots=True)
class Score:
    """What an evaluation measured for a plan; shares are 0..1.

    Attributes:
        plan: Name of the plan.
        images: Images it was run on.
        top1: Share of labels that it gets right; None without labels.
        top5: Share of labels among its five most probable classes; None without labels.
        agreement: Share of images where its class is the float network's.
        low, high: 95 % interval of ``top1`` (of ``agreement`` without labels), Wilson 1927.
        drop: Points of top-1 lost against the float network on the same images; without labels,
            points of agreement short of 100.
        crossing_bytes: Bytes that were packed for one image.
    """

    plan: str
    images: int
    top1: float | None
    top5: float | None
    agreement: float
    low: float
    high: float
    drop: float
    crossing_bytes: int


@dataclass(frozen=True)
class Answers:
    """What a network answers to some images.

    Attributes:
        classes: Most probable class per image, -1 where a score is NaN, shape (images,), int64.
        hits: Whether it is the label, shape (images,), bool; None without labels.
        hits5: Whether the label is among the five most probable; None without labels.
    """

    classes: Tensor
    hits: Tensor | None
    hits5: Tensor | None


def answers_of(outputs: tuple[Tensor, ...], labels: Labels | None, batch: int) -> Answers:
    """Read the answers from a network's outputs.

    Args:
        outputs: The first are class scores, (batch, classes).
        labels: One per image, (batch,), or None.
        batch: Number of images.

    Raises:
        DataError: The network does not give (batch, classes), or a label is not one of its classes.
    """
    logits = _logits(outputs, batch)
    broken = logits.isnan().any(1)
    classes = logits.argmax(1).masked_fill(broken, -1)
    if labels is None:
        return Answers(classes, None, None)
    if isinstance(labels, tuple):
        raise DataError("evaluation data: must have classes for a classifier, has boxes")
    _check_labels(labels, logits)
    return Answers(classes, classes == labels, _in_top(logits, labels) & ~broken)


def measure_float(program: Program, batches: Batches) -> Reference:
    """Answers and accuracy of the float network on a data set.

    Raises:
        DataError: There are no images, the network does not give (batch, classes), a label is not
            one of its classes, or an image or an answer is not a number.
    """
    found = [
        answers_of(float_outputs(program, images), labels, len(images))
        for images, labels in batches()
    ]
    if not found:
        raise DataError("evaluation data: must have at least one image, got none")
    classes = torch.cat([answers.classes for answers in found])
    hits = _count([answers.hits for answers in found])
    return Reference(classes, hits, _count([answers.hits5 for answers in found]))


def float_outputs(program: Program, images: Tensor) -> tuple[Tensor, ...]:
    """What the float network answers to a batch of evaluation images.

    Raises:
        DataError: An image is not finite, or an answer is NaN.
    """
    if not images.isfinite().all():
        raise DataError("evaluation data: images must be finite, got NaN or infinity")
    outputs = program.run((images,))
    if any(value.is_floating_point() and value.isnan().any() for value in outputs):
        raise DataError(
            f"evaluation data: {program.graph.name} must answer with numbers, got NaN for images "
            f"in {float(images.min()):g}..{float(images.max()):g}"
        )
    return outputs


def _count(parts: list[Tensor | None]) -> int | None:
    """Number of true values; None if a part is missing."""
    known = [int(part.sum()) for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def evaluate(program: Program, file: PlanFile, batches: Batches, reference: Reference) -> Score:
    """Accuracy of a plan, by running it.

    Args:
        program: The captured network.
        file: The plan with its integers.
        batches: The images that ``reference`` was measured on, in the same order.
        reference: From ``measure_float``.

    Raises:
        PlanError: The bytes that crossed are not those of the plan.
        DataError: The images are not as many as ``reference`` was measured on.
    """
    deployed = deploy(program, file)
    found: list[Answers] = []
    for images, labels in batches():
        found.append(answers_of(answer(deployed, images), labels, len(images)))
    classes = torch.cat([answers.classes for answers in found])
    seen = len(classes)
    if seen != len(reference.classes):
        raise DataError(
            f"evaluation data: must give the same {len(reference.classes)} images on each pass, "
            f"got {seen}"
        )
    hits = _count([answers.hits for answers in found])
    return score(
        deployed.crossing_bytes,
        file.plan.name,
        seen,
        same=int((classes == reference.classes).sum()),
        hits=None if reference.hits is None else hits,
        hits5=_count([answers.hits5 for answers in found]),
        float_hits=reference.hits,
    )


def answer(deployed: Deployed, images: Tensor) -> tuple[Tensor, ...]:
    """Run a plan on a batch, and return the network's outputs.

    Raises:
        PlanError: The bytes that crossed are not those of the plan.
    """
    outputs, sent = deployed(images)
    if deployed.coding is None and sent != deployed.crossing_bytes * len(images):
        raise PlanError(
            f"plan: must send {deployed.crossing_bytes} bytes an image, sent {sent} for "
            f"{len(images)} images"
        )
    return outputs


def score(
    crossing_bytes: int,
    plan: str,
    seen: int,
    *,
    same: int,
    hits: int | None,
    hits5: int | None,
    float_hits: int | None,
) -> Score:
    """Shares and interval of what was counted.

    Args:
        crossing_bytes: Bytes that crossed for one image.
        plan: Name of the plan.
        seen: Images it was run on, at least 1.
        same: Images where its class is the float network's.
        hits: Labels that it gets right; None without labels.
        hits5: Labels among its five most probable classes; None without labels.
        float_hits: Labels that the float network gets right on the same images.
    """
    counted, full = (same, seen) if hits is None else (hits, float_hits or 0)
    interval = binomtest(counted, seen).proportion_ci(CONFIDENCE, method="wilson")
    return Score(
        plan=plan,
        images=seen,
        top1=None if hits is None else hits / seen,
        top5=None if hits is None or hits5 is None else hits5 / seen,
        agreement=same / seen,
        low=float(interval.low),
        high=float(interval.high),
        drop=100 * (full - counted) / seen,
        crossing_bytes=crossing_bytes,
    )


def _logits(outputs: tuple[Tensor, ...], batch: int) -> Tensor:
    logits = outputs[0]
    if logits.dim() != 2 or len(logits) != batch:
        raise DataError(
            "evaluation: the network's first output must be class scores of shape "
            f"(batch, classes), got {tuple(logits.shape)}"
        )
    return logits


def _check_labels(labels: Tensor, logits: Tensor) -> None:
    least, most = int(labels.min()), int(labels.max())
    if most >= logits.shape[1] or least < 0:
        raise DataError(
            f"evaluation data: labels must be 0..{logits.shape[1] - 1}, the network's classes, "
            f"got {least if least < 0 else most}"
        )


def _in_top(logits: Tensor, labels: Tensor) -> Tensor:
    best = logits.topk(min(TOP, logits.shape[1]), dim=1).indices
    return (best == labels[:, None]).any(1)
