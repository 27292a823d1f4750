"""Finish a plan before it is measured: integers of its weights, biases, and perhaps its clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import cast

from autosplit.capture import Program
from autosplit.lapq import clip_jointly
from autosplit.options import JOINT_CLIPPING, QuantizeOptions
from autosplit.plan import PlanFile
from autosplit.recover import EFFORTS, Batch, Recovery, Rounding, recover

Tell = Callable[[int], None]
EVALUATIONS = 150
"""Runs of a plan that finding its clips jointly may take."""


@dataclass(frozen=True, slots=True)
class Finishing:
    """How a plan is finished.

    Attributes:
        recovery: Steps on weights and biases.
        evaluations: Runs of the plan on the calibration samples to move its clips, 0 for none.
    """

    recovery: Recovery
    evaluations: int = 0

    def steps(self, file: PlanFile) -> int:
        """Of how many steps ``finish`` tells, at most."""
        return len(file.weights) * (2 if self.evaluations else 1) + self.evaluations


def finishing_of(options: QuantizeOptions, clipping: str = "mse") -> Finishing:
    """How plans are finished by an effort, and what was asked beside it.

    Args:
        options: Effort, and the switches that go before it.
        clipping: Rule that the activations were clipped by.
    """
    recovery = EFFORTS[options.effort]
    if options.rounding != "auto":
        recovery = replace(recovery, rounding=cast(Rounding, options.rounding))
    if options.bias != "auto":
        recovery = replace(recovery, bias=options.bias == "on")
    joint = options.joint_clips == "on"
    joint = joint or (options.joint_clips == "auto" and clipping == JOINT_CLIPPING)
    return Finishing(recovery, EVALUATIONS if joint else 0)


def finish(
    program: Program,
    file: PlanFile,
    batches: Callable[[], Iterator[Batch]],
    finishing: Finishing,
    tell: Tell | None = None,
) -> PlanFile:
    """Finish a plan.

    Where clips are moved jointly, weights and biases are finished, then the clips moved on what
    came of that, then weights and biases finished for those.

    Args:
        program: The captured network.
        file: The plan, with its grids.
        batches: Calibration samples.
        finishing: What is done.
        tell: Told of steps that are done.

    Returns:
        The plan, which then names the network's weights.

    Raises:
        DataError: There is no sample, or what a layer reads is not finite.
    """
    file = replace(file, weights_sha256=program.weights_sha256)
    done = recover(program, file, batches, finishing.recovery, tell)
    if not finishing.evaluations:
        return done
    moved = clip_jointly(program, done, batches, finishing.evaluations, tell)
    if moved is done:
        return done
    clipped = replace(file, activations=moved.activations)
    return recover(program, clipped, batches, finishing.recovery, tell)
