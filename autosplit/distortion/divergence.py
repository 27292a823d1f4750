"""KL divergence of a network's outputs, and the output vectors whose products measure it.

For a classifier (one output of shape (batch, classes)) the metric is the Kullback-Leibler
divergence of its softmax, to second order d^T (diag p - p p^T) d / 2, the Fisher information of
the logits.  For any other network it is the mean over its outputs of the mean squared change over
the output's mean square.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from autosplit.grid.grid import LEAST_STEP

Outputs = Sequence[Tensor]


def is_classifier(outputs: Outputs) -> bool:
    """Whether the answer is one tensor of logits, (batch, classes)."""
    return len(outputs) == 1 and outputs[0].dim() == 2 and outputs[0].shape[1] > 1


def kl_terms(before: Tensor, after: Tensor) -> Tensor:
    """Terms of the Kullback-Leibler divergence of softmax distributions over the last axis.

    p_c (log p_c - log q_c) with p = softmax(before) and q = softmax(after) (Kullback and Leibler
    1951, eq. 2.4); 0 where p_c is 0.  The sum over the last axis is the divergence.

    Args:
        before: Logits of the float network, (..., classes).
        after: Logits of another network, likewise; gradients go through it.

    Returns:
        Nats, shape (..., classes).
    """
    old, new = before.log_softmax(-1), after.log_softmax(-1)
    return (old.exp() * (old - new)).masked_fill(old == -math.inf, 0.0)


def kl_divergence(before: Tensor, after: Tensor) -> float:
    """Kullback-Leibler divergence of two softmax distributions, summed over the samples.

    The formula is that of ``kl_terms``.

    Args:
        before: Logits of the float network, (batch, classes).
        after: Logits of the quantized network, (batch, classes).

    Returns:
        Nats, at least 0.
    """
    return max(float(kl_terms(before.double(), after.double()).sum()), 0.0)


def output_divergence(before: Outputs, after: Outputs) -> float:
    """Measure how far a network's outputs moved, summed over the samples.

    Args:
        before: Outputs of the float network, each (batch, ...).
        after: Outputs of the network with something quantized.

    Returns:
        The KL divergence in nats for a classifier, else half the relative squared change.
    """
    if is_classifier(before):
        return kl_divergence(before[0], after[0])
    pairs = [(a, b) for a, b in zip(before, after, strict=True) if a.is_floating_point()]
    moved = [
        float((b - a).double().square().sum()) / _square(a) if _square(a) else 0.0 for a, b in pairs
    ]
    return 0.5 * len(before[0]) * sum(moved) / max(len(moved), 1)


def probes(outputs: Outputs, count: int, random: torch.Generator) -> Iterator[list[Tensor]]:
    """Vectors v whose squared products with an error d add up, on average, to twice the divergence.

    With a_c = sqrt(p_c) for one class and 0 for the others, v = a - p sum(a) gives (v . d)^2 =
    p_c (d_c - p . d)^2, and the sum over classes is d^T (diag p - p p^T) d.  The most probable
    classes are taken one by one, the others together with random signs, so that their cross terms
    vanish on average.  For other networks all signs are random (Hutchinson 1990).

    Args:
        outputs: Outputs of the float network.
        count: How many vectors, at least 1.
        random: Draws the signs.

    Returns:
        For each vector its part for each output, of the output's shape.
    """
    outputs = [value.detach() for value in outputs]
    if is_classifier(outputs):
        p = outputs[0].softmax(1)
        p = torch.where(p < LEAST_STEP, 0.0, p)  # some processors keep such numbers, others do not
        order = p.argsort(dim=1, descending=True, stable=True)
        for place in range(min(count, p.shape[1])):
            last = place == count - 1
            chosen = order[:, place:] if last else order[:, place : place + 1]
            a = torch.zeros_like(p)
            a.scatter_(1, chosen, (p.gather(1, chosen).sqrt() * _signs(chosen.shape, random)))
            yield [a - p * a.sum(1, keepdim=True)]
        return
    floats = [value for value in outputs if value.is_floating_point()]
    for _ in range(count):
        yield [
            _signs(value.shape, random) * _weight(value, len(floats) * count) for value in floats
        ]


def label_loss(outputs: Outputs, random: torch.Generator) -> Tensor:
    """Loss of labels drawn from the network's own answer, summed over the samples.

    For networks that are no classifiers, one of the vectors of ``probes``.
    """
    if is_classifier(outputs):
        labels = torch.multinomial(outputs[0].detach().softmax(1), 1, generator=random)
        return -outputs[0].log_softmax(1).gather(1, labels).sum()
    (vector,) = probes(outputs, 1, random)
    floats = [value for value in outputs if value.is_floating_point()]
    products = [(v * out).sum() for v, out in zip(vector, floats, strict=True)]
    return torch.stack(products).sum()


def _signs(shape: Sequence[int], random: torch.Generator) -> Tensor:
    """Plus or minus one, at random."""
    return torch.randint(0, 2, tuple(shape), generator=random).mul_(2).sub_(1).float()


def _weight(value: Tensor, share: int) -> float:
    """Square root of the part that one element's squared change has in the metric."""
    square = _square(value)
    return (len(value) / square / share) ** 0.5 if square else 0.0


def _square(value: Tensor) -> float:
    """Sum of squares; what lies below float32's normal numbers counts as zero everywhere."""
    wide = value.double()
    return float(torch.where(wide.abs() < LEAST_STEP, 0.0, wide).square().sum())
