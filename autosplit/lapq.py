"""Clip all activations of a plan together, by the loss of the whole network.

The joint step of LAPQ (Nahshan et al. 2019, section 4.3).  Each activation begins at the range
that was found for it alone; Powell's method then moves all ranges for least loss on calibration
samples.  The loss is how far the quantized network's answer is from the float one's, which needs no
labels.  Powell's first direction scales all ranges alike; then each is moved by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from torch import Tensor

from autosplit.answers import change
from autosplit.capture import Program
from autosplit.evaluate import deploy
from autosplit.plan import PlanFile, Quantizer

Batch = Tensor | Sequence[Tensor]
Tell = Callable[[int], None]
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
    tell: Tell
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
        total = sum(change(wanted, deployed(*inputs)[0]) for wanted, inputs in pairs)
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


def scaled(integers: Quantizer, factor: float) -> Quantizer:
    """The same integers over a range that is longer by a factor, zero where it was."""
    step = float(np.float32(integers.scale[0] * factor))
    return replace(integers, scale=(step,))


def clip_jointly(
    program: Program,
    file: PlanFile,
    batches: Callable[[], Iterator[Batch]],
    evaluations: int,
    tell: Tell | None = None,
) -> PlanFile:
    """Move the clips of a plan's activations to where the network loses least.

    Args:
        program: The captured network.
        file: The plan, finished or not.
        batches: Calibration samples.
        evaluations: Runs of the plan on these samples, at most.
        tell: Told of each run.

    Returns:
        The plan with other steps of its activations; as it was if the samples that were kept aside
        lose more with those.  The network's inputs and its answers are left alone.
    """
    graph = program.graph
    fixed = {*graph.inputs, *graph.outputs}
    tensors = [n for n, q in file.activations.items() if q.scale and n not in fixed]
    searched, kept = _apart(batches())
    if not tensors or not kept:
        return file
    loss = _Loss(program, file, tensors, searched, evaluations, tell or (lambda _: None))
    count = len(tensors)
    directions = np.eye(count) * _FIRST_STEP
    directions[0] = _FIRST_STEP
    with suppress(_SpentError):
        minimize(
            loss, np.zeros(count), method="Powell", options={"direc": directions, "ftol": TOLERANCE}
        )
    if loss.best is None:
        return file
    found = loss.plan(loss.best[1])
    check = _Loss(program, file, tensors, kept, 0, lambda _: None)
    return found if check.of(found) < check.of(file) else file


def _apart(
    batches: Iterator[Batch],
) -> tuple[list[tuple[Tensor, ...]], list[tuple[Tensor, ...]]]:
    """Samples to search on, and samples that are kept aside."""
    searched, kept = [], []
    for batch in batches:
        inputs = (batch,) if isinstance(batch, Tensor) else tuple(batch)
        count = len(inputs[0]) // HELD_OUT
        if count:
            kept.append(tuple(value[:count] for value in inputs))
        searched.append(tuple(value[count:] for value in inputs))
    return searched, kept
