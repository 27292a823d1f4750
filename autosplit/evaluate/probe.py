"""What a network answers to its first evaluation samples, by which its task is found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from autosplit.capture.operators import operator_name
from autosplit.capture.program import Program
from autosplit.data.images import Images
from autosplit.evaluate.outputs import as_tuple, float_outputs
from autosplit.evaluate.tasks.samples import IGNORED

_MANY = 8
"""So many answers are all within 0..1 only if they are probabilities."""
PROBED = 16
"""Samples that tell the task."""
_RESHAPING = (
    "view",
    "reshape",
    "squeeze",
    "flatten",
    "select",
    "slice",
    "unsqueeze",
)


@dataclass(frozen=True)
class Probe:
    """What a network answers to a few samples, and their labels.

    Attributes:
        names: Names of the outputs.
        outputs: Outputs for these samples.
        labels: Labels of these samples; None without any.
        batch: Number of samples.
        bounded: Whether each output is written by a sigmoid or a softmax.
        copied: Whether the labels are the whole numbers of an input.
    """

    names: tuple[str, ...]
    outputs: tuple[Tensor, ...]
    labels: Any
    batch: int
    bounded: tuple[bool, ...] = ()
    copied: bool = False

    @classmethod
    def of(cls, program: Program, images: Images) -> Probe:
        """Run a network on the first samples of a data set.

        Raises:
            DataError: There are too few, or an answer is NaN.
        """
        size = program.batch_size or min(PROBED, program.step)
        inputs, labels = next(iter(images.batches(size)))
        count = len(labels) if isinstance(labels, Tensor) else min(size, len(images))
        outputs = float_outputs(program, inputs)
        names = program.answers
        if len(names) != len(outputs):
            names = tuple(map(str, range(len(outputs))))
        tensors = as_tuple(inputs)
        copied = isinstance(labels, Tensor) and any(_copies(labels, one) for one in tensors)
        return cls(names, outputs, labels, count, _bounded(program), copied)

    def are_probabilities(self, place: int) -> bool:
        """Tell whether an output is probabilities: all are 0..1, and not by chance."""
        value = self.outputs[place]
        sure = value.numel() >= _MANY or (place < len(self.bounded) and self.bounded[place])
        return sure and bool(((value >= 0) & (value <= 1)).all())

    def text(self) -> str:
        """The outputs by name and shape."""
        return ", ".join(
            f"{name} {tuple(value.shape)}"
            for name, value in zip(self.names, self.outputs, strict=True)
        )


def _copies(labels: Tensor, values: Tensor) -> bool:
    """Whether labels that count are the whole numbers of an input."""
    if labels.shape != values.shape or labels.is_floating_point() or values.is_floating_point():
        return False
    counted = labels != IGNORED
    return bool(counted.any() and (labels == values)[counted].all())


def _bounded(program: Program) -> tuple[bool, ...]:
    """Whether each output of a program is written by a sigmoid or a softmax."""
    (results,) = next(n for n in reversed(program.module.graph.nodes) if n.op == "output").args
    found = []
    for node in results:
        while operator_name(node) in _RESHAPING:
            node = node.args[0]  # noqa: PLW2901 - goes up the chain
        found.append(operator_name(node) in ("sigmoid", "softmax", "_softmax"))
    return tuple(found)
