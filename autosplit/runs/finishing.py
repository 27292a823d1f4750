"""How plans are finished: from the options of ``quantize`` to its steps."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from autosplit.finish.effort import EFFORTS, EVALUATIONS, JOINT_CLIPPING, Finishing, Rounding
from autosplit.runs.options import QuantizeOptions


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
