"""Outputs of the float network and of a deployed plan for a batch of samples."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from torch import Tensor

from autosplit.capture.program import Program
from autosplit.data.images import BatchInputs
from autosplit.data.inputs import check_finite
from autosplit.errors import DataError, PlanError, counted
from autosplit.halves.deployed import Deployed

ANSWER_BYTES = 2**28
"""Memory that outputs of the float network may take while plans are compared with them."""


def as_tuple(inputs: BatchInputs) -> tuple[Tensor, ...]:
    """The inputs of a network, one tensor for each."""
    return (inputs,) if isinstance(inputs, Tensor) else inputs


def float_outputs(program: Program, inputs: BatchInputs) -> tuple[Tensor, ...]:
    """Run the float network on a batch of evaluation samples, and check its outputs.

    Raises:
        DataError: An input is not finite, or an output is NaN.
    """
    values = as_tuple(inputs)
    for name, value in zip(program.graph.inputs, values, strict=False):
        check_finite(value, f"evaluation data: {name}", masked=name in program.masked)
    outputs = program.run(values)
    if any(value.is_floating_point() and value.isnan().any() for value in outputs):
        first = values[0]
        raise DataError(
            f"evaluation data: {program.graph.name} must answer with numbers, got NaN for inputs "
            f"in {float(first.min()):g}..{float(first.max()):g}"
        )
    return outputs


def plan_outputs(
    deployed: Deployed, inputs: BatchInputs, count: int | None = None
) -> tuple[Tensor, ...]:
    """Run a plan on a batch, and return the network's outputs.

    Args:
        deployed: The plan.
        inputs: The batch.
        count: Number of samples in the batch; None: the first input has the batch first.

    Raises:
        PlanError: The bytes that crossed are not those of the plan.
    """
    values = as_tuple(inputs)
    outputs, sent = deployed(*values)
    count = len(values[0]) if count is None else count
    if deployed.layout.sample_bytes is not None and sent != deployed.crossing_bytes * count:
        raise PlanError(
            f"plan: must send {deployed.crossing_bytes} bytes a sample, sent {sent} for "
            f"{counted(count, 'sample')}"
        )
    return outputs


@dataclass
class FloatAnswers:
    """Outputs of the float network, kept in memory as far as they fit, else computed again.

    Attributes:
        room: Bytes that may still be kept.
    """

    room: int = ANSWER_BYTES
    _kept: dict[int, tuple[Tensor, ...]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, place: int, outputs: tuple[Tensor, ...]) -> None:
        """Keep the outputs for a batch, if there is room.

        Args:
            place: Number of samples that were run before the batch.
            outputs: The float network's outputs for it.
        """
        size = sum(value.nbytes for value in outputs)
        with self._lock:
            if place not in self._kept and size <= self.room:
                self._kept[place] = outputs
                self.room -= size

    def find(self, place: int, program: Program, inputs: BatchInputs) -> tuple[Tensor, ...]:
        """Return the outputs for a batch.

        Args:
            place: Number of samples that were run before the batch.
            program: The float network.
            inputs: The batch.
        """
        found = self._kept.get(place)
        if found is None:
            found = float_outputs(program, inputs)
            self.keep(place, found)
        return found
