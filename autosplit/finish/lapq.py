"""Clip all activations of a plan together, by the loss of the whole network.

The joint step of LAPQ (Nahshan et al. 2019, section 4.3).  Each activation begins at the range
that was found for it alone; Powell's method then moves all ranges for least loss on calibration
samples.  The loss is how far the quantized network's answer is from the float one's, which needs no
labels.  All ranges are first scaled alike; then Powell's directions move each by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from torch import Tensor

from autosplit.capture.program import Batch, Batches, Program
from autosplit.distortion.divergence import output_divergence
from autosplit.distortion.logits import logit_tensors
from autosplit.grid.grid import LEAST_STEP, ElementFormat, Grid
from autosplit.halves.deployed import deploy
from autosplit.plan.planfile import PlanFile
from autosplit.progress import Advance

REACH = 2.0
"""A range is at most so many times as long as it was, or so many times as short."""
HELD_OUT = 4
"""One sample of so many only says whether what was found is better; it is not searched on."""
TOLERANCE = 1e-3
"""Powell's method stops when a round of all directions gains less than this share of the loss."""
_FIRST_STEP = 0.1


class _SpentError(Exception):
    """All evaluations that were allowed are done."""


@dataclass
class _Loss:
    """The loss as a function of the logarithms of the ranges' lengths."""

    program: Program
    file: PlanFile
    tensors: Sequence[str]
    samples: Sequence[tuple[Tensor, ...]]
    left: int
    tell: Advance
    wanted: list[tuple[Tensor, ...]] = field(default_factory=list)
    best: tuple[float, npt.NDArray[np.float64]] | None = None

    def __post_init__(self) -> None:
        self.wanted = [self.program.run(inputs) for inputs in self.samples]

    def plan(self, logs: npt.NDArray[np.float64]) -> PlanFile:
        """The plan with other ranges."""
        logs = np.clip(logs, -np.log(REACH), np.log(REACH))
        moved = {
            name: scaled(self.file.activations[name], float(np.exp(log)))
            for name, log in zip(self.tensors, logs, strict=True)
        }
        return replace(self.file, activations={**self.file.activations, **moved})

    def of(self, file: PlanFile) -> float:
        """Loss of a plan, per sample."""
        deployed = deploy(self.program, file)
        pairs = zip(self.wanted, self.samples, strict=True)
        total = sum(output_divergence(wanted, deployed(*inputs)[0]) for wanted, inputs in pairs)
        return total / sum(len(inputs[0]) for inputs in self.samples)

    def __call__(self, logs: npt.NDArray[np.float64]) -> float:
        if self.left <= 0:
            raise _SpentError
        self.left -= 1
        found = self.of(self.plan(logs))
        self.tell(1)
        if self.best is None or found < self.best[0]:
            self.best = found, np.array(logs)
        return found


def scaled(stored: ElementFormat, factor: float) -> ElementFormat:
    """A grid over a range that is longer by a factor, zero where it was; no other format."""
    if not isinstance(stored, Grid):
        return stored
    scale = np.multiply(stored.scale, factor, dtype=np.float64).clip(LEAST_STEP)
    return Grid(stored.bits, scale, stored.zero_point)


def clip_jointly(
    program: Program,
    file: PlanFile,
    batches: Batches,
    evaluations: int,
    tell: Advance | None = None,
) -> PlanFile:
    """Move the clips of a plan's activations to where the network loses least.

    Args:
        program: The captured network.
        file: The plan, finished or not.
        batches: Calibration samples, of which one in ``HELD_OUT`` is kept aside.  A program bound
            to a batch size runs on whole batches of it; a remainder is left out.
        evaluations: Runs of the plan on these samples, at most.
        tell: Told of each run.

    Returns:
        The plan with other steps of its activations; as it was if the samples that were kept aside
        lose more with those, or if there are too few to keep any aside: one, or fewer than two
        whole batches.  The network's inputs and its answers are left alone.
    """
    graph = program.graph
    fixed = {*graph.inputs, *graph.outputs, *logit_tensors(program.graph)}
    tensors = [n for n, q in file.activations.items() if isinstance(q, Grid) and n not in fixed]
    searched, kept = _apart(batches(), program.batch_size)
    if not tensors or not kept:
        return file
    loss = _Loss(program, file, tensors, searched, evaluations, tell or (lambda _: None))
    with suppress(_SpentError):
        _search(loss)
    if loss.best is None:
        return file
    found = loss.plan(loss.best[1])
    check = _Loss(program, file, tensors, kept, 0, lambda _: None)
    return found if check.of(found) < check.of(file) else file


def _search(loss: _Loss) -> None:
    """Scale all ranges alike, then move each; the loss remembers the best of all places.

    Raises:
        _SpentError: All evaluations are done.
    """
    count = len(loss.tensors)
    alike = np.full(count, _FIRST_STEP)

    def along(step: npt.NDArray[np.float64]) -> float:
        return loss(step * alike)

    line = minimize(along, np.zeros(1), method="Powell", options={"maxiter": 1})
    each = np.eye(count) * _FIRST_STEP
    minimize(loss, line.x * alike, method="Powell", options={"direc": each, "ftol": TOLERANCE})


def _apart(
    batches: Iterator[Batch], bound: int | None
) -> tuple[list[tuple[Tensor, ...]], list[tuple[Tensor, ...]]]:
    """Batches to search on, and batches that are kept aside; neither if there are too few samples.

    Args:
        batches: All samples.
        bound: The only batch size that can be run, or None if any will do.
    """
    all_inputs = [(one,) if isinstance(one, Tensor) else tuple(one) for one in batches]
    total, unit = sum(len(inputs[0]) for inputs in all_inputs), bound or 1
    if total < 2 * unit:
        return [], []
    size = bound or len(all_inputs[0][0])
    count = max(total // unit // HELD_OUT, 1) * unit
    aside = torch.zeros(total, dtype=torch.bool)
    aside[:: total // count][:count] = True  # spread, for samples may come class by class
    whole = [torch.cat(values) for values in zip(*all_inputs, strict=True)]
    searched, kept = ([value[chosen] for value in whole] for chosen in (~aside, aside))
    return _batched(searched, size, unit), _batched(kept, size, unit)


def _batched(values: Sequence[Tensor], size: int, unit: int) -> list[tuple[Tensor, ...]]:
    """Batches of some samples; what fills no unit is left out."""
    count = len(values[0]) // unit * unit
    return list(zip(*(value[:count].split(size) for value in values), strict=True))
