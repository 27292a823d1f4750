"""Outputs of the float network and of a deployed plan for a batch of images."""

from __future__ import annotations

from torch import Tensor

from autosplit.capture.program import Program
from autosplit.errors import DataError, PlanError
from autosplit.halves.deployed import Deployed


def float_outputs(program: Program, images: Tensor) -> tuple[Tensor, ...]:
    """Run the float network on a batch of evaluation images, and check its outputs.

    Raises:
        DataError: An image is not finite, or an output is NaN.
    """
    if not images.isfinite().all():
        raise DataError("evaluation data: images must be finite, got NaN or infinity")
    outputs = program.run((images,))
    if any(value.is_floating_point() and value.isnan().any() for value in outputs):
        raise DataError(
            f"evaluation data: {program.graph.name} must answer with numbers, got NaN for images "
            f"in {float(images.min()):g}..{float(images.max()):g}"
        )
    return outputs


def plan_outputs(deployed: Deployed, images: Tensor) -> tuple[Tensor, ...]:
    """Run a plan on a batch, and return the network's outputs.

    Raises:
        PlanError: The bytes that crossed are not those of the plan.
    """
    outputs, sent = deployed(images)
    if deployed.coding is None and sent != deployed.crossing_bytes * len(images):
        raise PlanError(
            f"plan: must send {deployed.crossing_bytes} bytes an image, sent {sent} for "
            f"{len(images)} images"
        )
    return outputs
