"""Quantization-aware training of a plan, from the plan as it was finished, with a teacher.

The student is the network with the plan's quantized edge half (``quantized_run``); the loss is its
divergence from the teacher's answers, so no labels are needed.  What is kept is the best state on
samples that are not trained on, the start among them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from autosplit.capture.program import Program
from autosplit.compress.fit import Recipe, distillation_loss, optimizer_of, train_step
from autosplit.compress.quantized_run import QuantizedRun
from autosplit.compress.quantizers.registry import STARTS_ELSEWHERE
from autosplit.compress.training_set import TrainingSet
from autosplit.plan.planfile import PlanFile
from autosplit.progress import Progress

Teacher = Callable[[Tensor], tuple[Tensor, ...]]


@dataclass(frozen=True)
class Tuned:
    """A plan after training.

    Attributes:
        file: The plan.
        losses: Divergence on the held-out samples: at the start, then after each epoch.
    """

    file: PlanFile
    losses: tuple[float, ...]

    @property
    def best(self) -> int:
        """Epoch whose state is kept; 0: the start."""
        return min(range(len(self.losses)), key=self.losses.__getitem__)


def tune_plan(
    program: Program,
    file: PlanFile,
    samples: TrainingSet,
    teacher: Teacher,
    recipe: Recipe,
    progress: Progress,
    quantizer: str = "lsq",
) -> Tuned:
    """Train a plan's weights, steps and biases.

    Args:
        program: The captured network.
        file: The finished plan.
        samples: What is trained on.
        teacher: Gives the answers that the plan shall have.
        recipe: How to train.
        progress: Is told of each step.
        quantizer: A name of ``QUANTIZERS``.

    Raises:
        DataError: The loss is not finite.
    """
    run = QuantizedRun(program, file, quantizer)
    recipe = replace(recipe, steps=samples.steps(recipe.batch))
    optimizer = optimizer_of(run.groups(), recipe)
    losses = [held_out_loss(run, samples, teacher, recipe.batch)]
    best = copy.deepcopy(run.state_dict())
    step = 0
    with progress(f"tune: {file.plan.name}", recipe.epochs * recipe.steps) as advance:
        for epoch in range(recipe.epochs):
            for inputs, _ in samples.epoch(epoch, recipe.batch):
                loss = distillation_loss(run(inputs), teacher(inputs))
                broken = "" if bool(loss.isfinite()) else run.first_not_finite(inputs)
                where = f", in layer {broken}" if broken else ""
                train_step(optimizer, loss, recipe, step, where)
                step += 1
                advance(1)
            losses.append(held_out_loss(run, samples, teacher, recipe.batch))
            if losses[-1] <= min(losses):
                best = copy.deepcopy(run.state_dict())
    if min(losses) == losses[0] and quantizer not in STARTS_ELSEWHERE:
        return Tuned(file, tuple(losses))
    run.load_state_dict(best)
    return Tuned(run.plan(), tuple(losses))


def held_out_loss(run: nn.Module, samples: TrainingSet, teacher: Teacher, batch: int) -> float:
    """Mean divergence from the teacher on the held-out samples."""
    total, count = 0.0, 0
    with torch.no_grad():
        for inputs, _ in samples.held_out(batch):
            total += float(distillation_loss(run(inputs), teacher(inputs))) * len(inputs)
            count += len(inputs)
    return total / count
