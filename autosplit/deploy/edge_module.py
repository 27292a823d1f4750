"""An edge half as a module: the batch first in all that it takes and sends, integers from 0 on.

A network may have its batch on another axis, merge it with positions, or compute what is the same
for every sample; a message holds samples.  Integers that keep their values, as places in a table
do, cross as what they are above the least of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
    """

    def __init__(self, program: Program, half: Half, sent: Mapping[str, ElementFormat]) -> None:
        super().__init__()
        self.inner = half.module()
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
            self.layouts[name].from_samples(value)
            for name, value in zip(self.reads, inputs, strict=True)
        ]
        written: Sequence[Tensor] = self.inner(*values)
        batch = len(inputs[self.counted])
        return tuple(
            self._samples(name, value, batch) if name in self.sent else value
            for name, value in zip(self.writes, written, strict=True)
        )

    def _samples(self, name: str, value: Tensor, batch: int) -> Tensor:
        """A crossing tensor as samples."""
        kept, layout = self.sent[name], self.layouts[name]
        if isinstance(kept, Integers):
            value = value.long() - kept.low
        if layout.axis is None:
            return value.unsqueeze(0).expand(batch, *value.shape)
        if layout.factor > 1:
            return layout.samples_first(value)
        return value.movedim(layout.axis, 0) if layout.axis else value
