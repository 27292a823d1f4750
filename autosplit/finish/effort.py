"""How plans are finished: the steps that an effort, and the switches beside it, stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from autosplit.plan.planfile import PlanFile

JOINT_CLIPPING = "lapq"
"""The clipping rule whose ranges are then moved together when a plan is finished."""

Rounding = Literal["nearest", "moment", "learned"]
EVALUATIONS = 150
"""Runs of a plan that finding its clips jointly may take."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """Which steps are done.

    Attributes:
        rounding: ``nearest``; ``moment``, the integers of least error of the layer's output;
            or ``learned``, those improved by gradient descent behind the rectifier.
        bias: Whether the mean error of every output channel goes into the bias.
        positions: Most positions (pixels of all images) that a layer's moments are taken over.
        sweeps: How often levels and scales are improved in turn.
        together: Most columns of a weight that are rounded as one problem, of cubic cost; a layer
            with more is done in parts, each with the errors of the others as they are then.
        propagation: Share of the inputs' error that a layer's weight makes up for, 0..1.
        steps: Steps of gradient descent of ``learned``, for each layer.
    """

    rounding: Rounding
    bias: bool = True
    positions: int = 4096
    sweeps: int = 2
    together: int = 1024
    propagation: float = 0.75
    steps: int = 500


EFFORTS = {
    "none": Recovery("nearest", bias=False),
    "fast": Recovery("nearest"),
    "good": Recovery("moment"),
    "best": Recovery("learned", positions=32_768, sweeps=8, together=8192),
}
"""What ``--effort`` stands for."""


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
