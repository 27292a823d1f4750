"""Train a network in float: the loop, on accelerate, with checkpoints that a killed process leaves.

Under torchrun every process takes its part of each batch, and gradients are averaged over the
processes; batch norms take the statistics of the part of their own process.  What is kept is the
state with the least loss on samples that are not trained on; of a network that has weights already,
the start is among them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from autosplit.compress.augment import Augmentation
from autosplit.compress.checkpoint_files import read_checkpoint, write_checkpoint
from autosplit.compress.fit import Recipe, optimizer_of, train_step
from autosplit.compress.live import LiveNetwork, set_training
from autosplit.compress.losses import Objective
from autosplit.compress.not_finite import first_not_finite
from autosplit.compress.training_now import (
    TrainingNow,
    copied_state,
    load_state,
    move_average,
    restore_training,
    saved_training,
)
from autosplit.compress.training_set import TrainingSet
from autosplit.data.images import Labels
from autosplit.errors import DataError, MissingExtraError
from autosplit.progress import Progress, note

if TYPE_CHECKING:
    from accelerate import Accelerator

TeacherAnswers = Callable[[Tensor], tuple[Tensor, ...]]
EpochTold = Callable[[Mapping[str, float]], None]


@dataclass(frozen=True)
class Training:
    """What is trained, on what, and how.

    Attributes:
        live: The network; its parameters are trained in place.
        samples: What is trained on.
        objective: The loss.
        teacher: Gives the answers that the network shall have; None without one.
        recipe: How to train.
        ema: Decay of the moving average of the parameters that is kept; 0: none.
        from_scratch: Whether the weights at the start are random.
        folder: Where checkpoints are written.
        made_of: What the training is of, for ``--resume``.
        told: Told of each epoch.
        pull: Adds to the gradients of each step.
        augment: Changes each batch at random.
    """

    live: LiveNetwork
    samples: TrainingSet
    objective: Objective
    teacher: TeacherAnswers | None
    recipe: Recipe
    folder: Path
    ema: float = 0.0
    from_scratch: bool = False
    made_of: Mapping[str, Any] = field(default_factory=dict)
    told: EpochTold = lambda _: None
    pull: Callable[[], None] = lambda: None
    augment: Augmentation = field(default_factory=Augmentation)


@dataclass(frozen=True)
class TrainedNetwork:
    """What a training gave.

    Attributes:
        rows: Numbers of each epoch; the first is the start.
        best_epoch: Epoch whose state the network has now; 0: the start.
        is_main: Whether this process writes files.
    """

    rows: tuple[Mapping[str, float], ...]
    best_epoch: int
    is_main: bool


def train_network(
    training: Training, progress: Progress, *, resume: bool = False
) -> TrainedNetwork:
    """Train a network, and leave the best state in it.

    Args:
        training: What, and how.
        progress: Is told of each step.
        resume: Whether to go on from the checkpoint in the folder, if there is one.

    Raises:
        DataError: The loss is not finite.
        MissingExtraError: accelerate is not installed.
        StageError: The checkpoint is of another training.
    """
    accelerator = accelerator_of()
    if training.recipe.batch % accelerator.num_processes:
        raise DataError(
            f"--batch-size: must be a multiple of the {accelerator.num_processes} processes, got "
            f"{training.recipe.batch}"
        )
    recipe = replace(training.recipe, steps=training.samples.steps(training.recipe.batch))
    module = training.live.module
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.samples.seed)
        state = _begun(training, recipe)
        before = read_checkpoint(training.folder, training.made_of) if resume else None
        if before is not None:
            restore_training(module, state, before)
            note(progress, f"train: goes on after epoch {state.epoch} of {recipe.epochs}")
        set_training(module, on=True)
        wrapped = accelerator.prepare(module)
        left = (recipe.epochs - state.epoch) * recipe.steps
        with progress(f"train: {training.live.name}", left) as advance:
            for epoch in range(state.epoch, recipe.epochs):
                _epoch(training, recipe, accelerator, wrapped, state, advance)
                if accelerator.is_main_process:
                    write_checkpoint(
                        training.folder, saved_training(module, state, training.made_of)
                    )
                    training.told(state.rows[epoch + 1])
        accelerator.wait_for_everyone()
    set_training(module, on=False)
    load_state(module, state.best)
    return TrainedNetwork(tuple(state.rows), state.best_epoch, accelerator.is_main_process)


def accelerator_of() -> Accelerator:
    """The library that runs the loop on one process or several.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        from accelerate import Accelerator  # noqa: PLC0415 - an extra
    except ImportError:
        raise MissingExtraError(
            "train: needs the package accelerate, install it with: pip install 'autosplit[train]'"
        ) from None
    return Accelerator(cpu=True)


def _begun(training: Training, recipe: Recipe) -> TrainingNow:
    """The state before the first step."""
    module = training.live.module
    optimizer = optimizer_of(module.parameters(), recipe)
    now = copied_state(module)
    loss = float("inf") if training.from_scratch else _held_out(training)
    return TrainingNow(optimizer, dict(now), now, [{"epoch": 0, "held_out": loss}])


def _epoch(
    training: Training,
    recipe: Recipe,
    accelerator: Accelerator,
    wrapped: torch.nn.Module,
    state: TrainingNow,
    advance: Callable[[int], None],
) -> None:
    """Train an epoch, and see what it gave on the held-out samples."""

    def backward(loss: Tensor) -> None:
        accelerator.backward(loss)
        training.pull()

    step, losses, seen, began = state.epoch * recipe.steps, [], 0, time.perf_counter()
    for inputs, labels in _own_part(training, state.epoch, recipe.batch, accelerator):
        answers = wrapped(inputs)
        taught = None
        if training.teacher is not None:
            with torch.no_grad():
                taught = training.teacher(inputs)
        loss = training.objective(answers, labels, taught)
        if not bool(loss.isfinite()):
            _refuse(training, inputs, loss, step, state.epoch)
        train_step(state.optimizer, loss, recipe, step, "", backward)
        if training.ema:
            move_average(state.average, training.live.module, training.ema)
        losses.append(accelerator.reduce(loss.detach(), "mean").item())
        seen += len(inputs) * accelerator.num_processes
        step += 1
        advance(1)
    seconds = time.perf_counter() - began
    now = copied_state(training.live.module)
    if training.ema:
        load_state(training.live.module, state.average)
    kept, held_out = copied_state(training.live.module), _held_out(training)
    load_state(training.live.module, now)
    set_training(training.live.module, on=True)
    if held_out <= min(row["held_out"] for row in state.rows):
        state.best, state.best_epoch = kept, state.epoch + 1
    state.epoch += 1
    state.rows.append(
        {
            "epoch": state.epoch,
            "lr": recipe.rate(step - 1),
            "loss": sum(losses) / len(losses),
            "held_out": held_out,
            "images_per_s": seen / seconds,
        }
    )


def _own_part(
    training: Training, epoch: int, batch: int, accelerator: Accelerator
) -> Iterator[tuple[Tensor, Labels | None]]:
    """The part of every batch that is this process's."""
    processes, place = accelerator.num_processes, accelerator.process_index
    random = torch.Generator().manual_seed(training.samples.seed * 1_000_003 + epoch)
    for plain, known in training.samples.epoch(epoch, batch):
        inputs, labels = training.augment(plain, known, random)
        size = len(inputs) // processes
        part = slice(place * size, (place + 1) * size)
        yield inputs[part], None if labels is None else labels[part]


def _held_out(training: Training) -> float:
    """Mean loss on the held-out samples, without label smoothing."""
    module = training.live.module
    set_training(module, on=False)
    objective = replace(training.objective, smoothing=0.0)
    total, count = 0.0, 0
    with torch.no_grad():
        for inputs, labels in training.samples.held_out(training.recipe.batch):
            taught = None if training.teacher is None else training.teacher(inputs)
            total += float(objective(module(inputs), labels, taught)) * len(inputs)
            count += len(inputs)
    return total / count


def _refuse(training: Training, inputs: Tensor, loss: Tensor, step: int, epoch: int) -> None:
    """Say where a loss is not finite.

    Raises:
        DataError: Always.
    """
    layer = first_not_finite(training.live.module, inputs)
    where = f", first in layer {layer}" if layer else ", in the loss itself"
    kept = f"; the checkpoint after epoch {epoch} is kept in {training.folder}" if epoch else ""
    raise DataError(
        f"training: the loss must be finite, got {loss.item()} at step {step}{where}; "
        f"lower --lr{kept}"
    )
