"""An edge half as a module: the batch first in all that it takes and sends, integers from 0 on.

A network may have its batch on another axis, merge it with positions, or compute what is the same
for every sample; a message holds samples.  Integers that keep their values, as places in a table
do, cross as what they are above the least of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from autosplit.capture.program import Program
from autosplit.graph.integers import Integers
from autosplit.grid.grid import ElementFormat
from autosplit.halves.partition import Half


class EdgeModule(nn.Module):
    """A half between samples and samples.

    Args:
        program: The captured network.
        half: The half.
        sent: Format of each tensor that crosses; other values are left as the half writes them.
        inner: Runs the half, on what it reads.
    """

    def __init__(
        self, program: Program, half: Half, sent: Mapping[str, ElementFormat], inner: nn.Module
    ) -> None:
        super().__init__()
        self.inner = inner
        self.layouts = program.layouts
        self.reads, self.writes = tuple(half.reads), tuple(half.writes)
        self.sent = dict(sent)
        self.counted = next(
            place for place, name in enumerate(self.reads) if self.layouts[name].axis is not None
        )

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """What the half writes.

        Args:
            inputs: What it reads, each (batch, ...).
        """
        values = [
            value if self._is_first(name) else self.layouts[name].from_samples(value)
            for name, value in zip(self.reads, inputs, strict=True)
        ]
        written: Sequence[Tensor] = self.inner(*values)
        batch = inputs[self.counted].shape[0]
        return tuple(
            self._samples(name, value, batch) if name in self.sent else value
            for name, value in zip(self.writes, written, strict=True)
        )

    def _is_first(self, name: str) -> bool:
        """Whether a tensor has its samples on the first axis already; views would cost nodes."""
        layout = self.layouts[name]
        return (layout.axis, layout.factor) == (0, 1)

    def _samples(self, name: str, value: Tensor, batch: int) -> Tensor:
        """A crossing tensor as samples."""
        kept, layout = self.sent[name], self.layouts[name]
        if isinstance(kept, Integers):
            value = value.long() - kept.low
        if layout.axis is None:
            return value.unsqueeze(0).expand(batch, *value.shape)
        if self._is_first(name):
            return value
        return value.movedim(layout.axis, 0) if layout.factor == 1 else layout.samples_first(value)


def example_samples(program: Program, half: Half) -> list[Tensor]:
    """Zeros of the shapes that a half reads, each (batch, ...), for two samples."""
    return [
        torch.zeros(
            (1 if program.layouts[name].axis is None else 2, *program.graph.shape(name)),
            dtype=dtype,
        )
        for name, dtype in zip(half.reads, half.dtypes, strict=True)
    ]


def example_inputs(program: Program, half: Half) -> tuple[Tensor, ...]:
    """The same zeros, as the half takes them."""
    samples = zip(half.reads, example_samples(program, half), strict=True)
    return tuple(program.layouts[name].from_samples(value) for name, value in samples)
