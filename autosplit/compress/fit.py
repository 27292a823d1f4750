"""The loop that trains: steps of an optimizer over random batches, the best state kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from autosplit.distortion.divergence import kl_terms
from autosplit.errors import DataError

BatchLoss = Callable[[Tensor, Tensor | None], Tensor]
"""Loss of a batch: inputs, and classes or None."""
TrainedParameters = Iterable[nn.Parameter] | Iterable[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train.

    Attributes:
        epochs: Passes over the samples.
        batch: Samples of a step.
        lr: Highest learning rate.
        optimizer: A name of ``OPTIMIZERS``.
        schedule: A name of ``SCHEDULES``.
        weight_decay: Pull of the weights towards zero.
        steps: Steps of an epoch.
        warmup: Epochs in which the learning rate rises from 0.
    """

    epochs: int
    batch: int
    lr: float
    optimizer: str = "adamw"
    schedule: str = "cosine"
    weight_decay: float = 0.0
    steps: int = 1
    warmup: float = 0.0

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        done = step / max(self.epochs * self.steps, 1)
        rising = self.warmup * self.steps
        risen = min((step + 1) / rising, 1.0) if rising else 1.0
        return self.lr * risen * SCHEDULES[self.schedule](done)


def optimizer_of(parameters: TrainedParameters, recipe: Recipe) -> torch.optim.Optimizer:
    """An optimizer by name."""
    return OPTIMIZERS[recipe.optimizer](parameters, recipe)


def train_step(
    optimizer: torch.optim.Optimizer,
    loss: Tensor,
    recipe: Recipe,
    step: int,
    where: str,
    backward: Callable[[Tensor], None] = torch.autograd.backward,
) -> float:
    """Do one step.

    Args:
        optimizer: The optimizer.
        loss: Loss of a batch.
        recipe: How to train.
        step: Number of the step, from 0.
        where: Says which tensor was the first that is not finite, where the loss is not.
        backward: Computes the gradients.

    Raises:
        DataError: The loss is not finite.
    """
    if not bool(loss.isfinite()):
        raise DataError(
            f"training: the loss must be finite, got {loss.item()} at step {step}{where}; "
            "lower --lr"
        )
    for group in optimizer.param_groups:
        group["lr"] = recipe.rate(step) * group.get("share", 1.0)
    optimizer.zero_grad()
    backward(loss)
    optimizer.step()
    return loss.item()


def distillation_loss(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
    """KL divergence of the student's answers from the teacher's, mean over samples.

    Of classifiers the divergence of softmaxes (Hinton et al. 2015, section 2, at temperature 1); of
    other networks the mean squared difference over the teacher's mean square.
    """
    if len(student) == 1 and student[0].dim() == 2 and student[0].shape[1] > 1:
        return kl_terms(teacher[0], student[0]).sum(1).mean()
    pairs = [(a, b) for a, b in zip(student, teacher, strict=True) if b.is_floating_point()]
    parts = [(a - b).square().mean() / b.square().mean().clamp_min(1e-20) for a, b in pairs]
    return torch.stack(parts).mean()


def _sgd(parameters: TrainedParameters, recipe: Recipe) -> torch.optim.Optimizer:
    return torch.optim.SGD(
        parameters, recipe.lr, momentum=0.9, nesterov=True, weight_decay=recipe.weight_decay
    )


def _adamw(parameters: TrainedParameters, recipe: Recipe) -> torch.optim.Optimizer:
    return torch.optim.AdamW(parameters, recipe.lr, weight_decay=recipe.weight_decay)


OPTIMIZERS: dict[str, Callable[[TrainedParameters, Recipe], torch.optim.Optimizer]] = {
    "sgd": _sgd,
    "adamw": _adamw,
}
"""Name -> what makes the optimizer."""
SCHEDULES: dict[str, Callable[[float], float]] = {
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * min(done, 1.0))),
    "exponential": lambda done: 0.01 ** min(done, 1.0),
    "step": lambda done: 0.1 ** sum(done >= place for place in (0.5, 0.8)),
    "constant": lambda _: 1.0,
}
"""Name -> share of the learning rate by the share of steps that are done."""
