"""Run both halves of a bundle with onnxruntime and compare them with the integer reference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from autosplit.capture.program import Program
from autosplit.deploy.manifest import BundledPlan
from autosplit.deploy.sessions import CloudModel, EdgeModel
from autosplit.halves.deployed import deploy
from autosplit.halves.partition import join
from autosplit.halves.wire.jpeg import to_pixels
from autosplit.plan.planfile import PlanFile


@dataclass
class Compared:
    """How far the files of a bundle are from the reference.

    Attributes:
        samples: Samples that were run.
        integers: Integers that crossed.
        different: Integers that differ from the reference.
        answers: Samples whose best answer is the reference's in every output.
        sent_bytes: Bytes of each sample on the wire.
        furthest: Largest difference of an answer, relative to the largest of its batch.
    """

    samples: int = 0
    integers: int = 0
    different: int = 0
    answers: int = 0
    furthest: float = 0.0
    sent_bytes: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.different:,} of {self.integers:,} integers differ from the reference; "
            f"{self.answers:,} of {self.samples:,} answers agree, the values within "
            f"{self.furthest:.2g}"
        )


def compare(
    folder: Path,
    plan: BundledPlan,
    program: Program,
    file: PlanFile,
    batches: Iterable[tuple[Tensor, ...]],
) -> Compared:
    """Run batches through the files of a plan and through the reference.

    Args:
        folder: The bundle.
        plan: The plan in the bundle.
        program: The captured network.
        file: The plan with its grids.
        batches: Inputs of the network, each (batch, ...).
    """
    both = deploy(program, file)
    edge = EdgeModel.load(folder, plan)
    cloud = None if plan.cloud is None else CloudModel.load(folder, plan)
    found = Compared()
    for inputs in batches:
        message, own = both.edge(inputs)
        expected = join(own, both.cloud(message))
        arrays = {
            name: value.numpy() for name, value in zip(program.graph.inputs, inputs, strict=True)
        }
        if (coding := file.plan.input_coding) is not None:
            arrays = {
                name: to_pixels(value, coding.mean, coding.std) for name, value in arrays.items()
            }
        sent, answers = edge(arrays)
        found.sent_bytes += sent.sample_sizes()
        for wire in plan.wire.tensors:
            want, got = message.tensors[wire.name], sent.tensors[wire.name]
            found.integers += want.size
            found.different += int((want != got).sum())
        if cloud is not None:
            answers |= cloud(sent)
        ordered = join({name: torch.from_numpy(value) for name, value in answers.items()}, {})
        found.samples += len(inputs[0])
        agree = torch.ones(len(inputs[0]), dtype=torch.bool)
        for want_all, got_all in zip(expected, ordered, strict=True):
            wanted, given = want_all.double(), got_all.double()
            scale = float(wanted.abs().max()) or 1.0
            found.furthest = max(found.furthest, float((wanted - given).abs().max()) / scale)
            if len(wanted) == len(agree):
                rows = (one.reshape(len(agree), -1).argmax(1) for one in (wanted, given))
                agree &= torch.eq(*rows)
        found.answers += int(agree.sum())
    return found
