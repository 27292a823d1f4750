"""Coded bytes of a finished plan: its own edge half codes the calibration samples once more.

``stats`` codes tensors that the float network wrote, rounded to each width.  The tensors of a plan
come out of layers whose weights and inputs are quantized too, and at few bits their histograms
differ enough to change the bytes by some percent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import torch

from autosplit.capture.program import Program
from autosplit.data.images import BatchInputs
from autosplit.halves.deployed import deploy
from autosplit.halves.wire.layout import WireLayout
from autosplit.plan.planfile import PlanFile


def recoded(program: Program, file: PlanFile, batches: Iterable[BatchInputs]) -> PlanFile:
    """A plan with the mean bytes that its own edge half sends for some samples.

    Args:
        program: The captured network.
        file: The plan, finished.
        batches: Inputs of the network.

    Returns:
        The plan as it is where nothing of it is entropy-coded.
    """
    if file.wire is None or not any(one.coding == "entropy" for one in file.wire.tensors):
        return file
    deployed = deploy(program, file)
    layout = deployed.layout
    sizes: dict[str, list[int]] = {name: [] for name in layout.coders}
    with torch.no_grad():
        for batch in batches:
            inputs = (batch,) if isinstance(batch, torch.Tensor) else batch
            message, _ = deployed.edge(inputs)
            for name, coder in layout.coders.items():
                sizes[name] += map(len, coder.encode(message.tensors[name]))
    means = {name: -(-sum(found) // len(found)) for name, found in sizes.items() if found}
    tensors = tuple(
        replace(one, mean_bytes=means.get(one.name, one.mean_bytes)) for one in layout.tensors
    )
    return replace(file, wire=WireLayout(tensors))
