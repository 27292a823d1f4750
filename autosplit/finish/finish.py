"""Finish a plan before it is measured: integers of its weights, biases, and perhaps its clips."""

from __future__ import annotations

from dataclasses import replace

from autosplit.capture.program import Batches, Program
from autosplit.finish.effort import Finishing
from autosplit.finish.lapq import clip_jointly
from autosplit.finish.layerwise import recover
from autosplit.plan.planfile import PlanFile
from autosplit.progress import Advance


def finish(
    program: Program,
    file: PlanFile,
    batches: Batches,
    finishing: Finishing,
    tell: Advance | None = None,
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
