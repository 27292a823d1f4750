"""Run both halves of a bundle with onnxruntime and compare them with the integer reference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from autosplit.capture.program import Program
from autosplit.deploy.bundle import EscalatedFiles
from autosplit.deploy.manifest import BundledPlan
from autosplit.deploy.sessions import Arrays, CloudModel, EdgeModel
from autosplit.halves.deployed import deploy
from autosplit.halves.partition import join
from autosplit.halves.wire.jpeg import to_pixels
from autosplit.halves.wire.message import Message
from autosplit.plan.planfile import PlanFile


@dataclass
class Compared:
    """How far the files of a bundle are from the reference.

    Attributes:
        samples: Samples that were run.
        integers: Integers that crossed, or pixels; 0 of an all-edge plan.
        different: Integers that differ from the reference.
        answers: Samples whose best answer is the reference's in every output; of an escalation,
            that of the edge as well as that of the cloud.
        sent_bytes: Bytes of each sample on the wire; 0 of one that the edge answers.
        furthest: Largest difference of an answer, relative to the largest of its batch.
    """

    samples: int = 0
    integers: int = 0
    different: int = 0
    answers: int = 0
    furthest: float = 0.0
    sent_bytes: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        crossed = f"{self.different:,} of {self.integers:,} integers differ from the reference"
        return (
            f"{crossed if self.integers else 'nothing crosses the link'}; "
            f"{self.answers:,} of {self.samples:,} answers agree, the values within "
            f"{self.furthest:.2g}"
        )

    def see_message(self, expected: Message, sent: Message) -> None:
        """Count what differs of the integers that cross."""
        for wire in expected.layout.tensors:
            want, got = expected.tensors[wire.name], sent.tensors[wire.name]
            self.integers += want.size
            self.different += int((want != got).sum())

    def see_answers(self, expected: Sequence[Tensor], given: Arrays, samples: int) -> Tensor:
        """Which samples have the same best answer in every output, shape (samples,).

        Args:
            expected: The reference's outputs.
            given: Those of the files, by ``output:<place>``.
            samples: Samples of the batch.
        """
        ordered = join({name: torch.from_numpy(value) for name, value in given.items()}, {})
        agree = torch.ones(samples, dtype=torch.bool)
        for want_all, got_all in zip(expected, ordered, strict=True):
            wanted, got = want_all.double(), got_all.double()
            scale = float(wanted.abs().max()) or 1.0
            self.furthest = max(self.furthest, float((wanted - got).abs().max()) / scale)
            if len(wanted) == samples:
                rows = (one.reshape(samples, -1).argmax(1) for one in (wanted, got))
                agree &= torch.eq(*rows)
        return agree


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
    place, layout = both.edge.batch
    for inputs in batches:
        count = layout.batch(inputs[place])
        message, own = both.edge(inputs)
        expected = join(own, both.cloud(_received(message)))
        arrays = _arrays(program, inputs)
        if (coding := file.plan.input_coding) is not None:
            arrays = {
                name: to_pixels(value, coding.mean, coding.std) for name, value in arrays.items()
            }
        sent, answers = edge(arrays)
        found.sent_bytes += sent.sample_sizes()
        found.see_message(message, sent)
        if cloud is not None:
            answers |= cloud(_received(sent))
        found.samples += count
        found.answers += int(found.see_answers(expected, answers, count).sum())
    return found


def compare_escalation(
    folder: Path,
    plan: BundledPlan,
    program: Program,
    files: EscalatedFiles,
    batches: Iterable[tuple[Tensor, ...]],
) -> Compared:
    """Run batches through the files of an escalation and through the references of both halves.

    Every sample is answered by both halves, whether the edge is sure of it or not.

    Args:
        folder: The bundle.
        plan: The escalation in the bundle.
        program: The captured network.
        files: What it was exported of.
        batches: Inputs of the network, each (batch, ...).
    """
    assert plan.rule is not None
    alone, both = deploy(program, files.whole), deploy(program, files.sent_on)
    edge, cloud = EdgeModel.load(folder, plan), CloudModel.load(folder, plan)
    found = Compared()
    place, layout = both.edge.batch
    for inputs in batches:
        count, arrays = layout.batch(inputs[place]), _arrays(program, inputs)
        _, own = alone.edge(inputs)
        message, first = both.edge(inputs)
        made, answers = edge(arrays)
        sent = plan.rule.message(plan.wire, arrays, made, np.ones(count, bool))
        sure = plan.rule.confidences(answers) >= plan.rule.threshold
        found.sent_bytes += np.where(sure, 0, sent.sample_sizes()).tolist()
        found.see_message(message, sent)
        expected = join(first, both.cloud(_received(message)))
        agree = found.see_answers(join(own, {}), answers, count)
        agree &= found.see_answers(expected, answers | cloud(_received(sent)), count)
        found.samples += count
        found.answers += int(agree.sum())
    return found


def _received(message: Message) -> Message:
    """A message as it is after the wire, where JPEG files lose what they do not keep."""
    return Message.decode(message.encode(), message.layout)


def _arrays(program: Program, inputs: Sequence[Tensor]) -> Arrays:
    """Inputs of the network by name, each (batch, ...)."""
    found = zip(program.graph.inputs, inputs, strict=True)
    return {
        name: program.layouts[name]
        .samples_first(value)
        .reshape(-1, *program.graph.shape(name))
        .numpy()
        for name, value in found
    }
