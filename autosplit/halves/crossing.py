"""Between tensors and messages: what the edge half wrote as numbers on the wire, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from autosplit.capture.batch_axis import BatchLayout
from autosplit.capture.integers import refuse_outside
from autosplit.graph.integers import Integers
from autosplit.grid.grid import ElementFormat, Grid
from autosplit.halves.wire.jpeg import from_pixels, to_pixels
from autosplit.halves.wire.layout import WireLayout, WireTensor
from autosplit.halves.wire.message import Message
from autosplit.quantize.affine import dequantize, quantize
from autosplit.stats.coding import InputCoding


@dataclass(frozen=True)
class Crossing:
    """How tensors of a network become the numbers of a message, and tensors again.

    Attributes:
        layout: What a message holds.
        formats: Crossing tensor -> its grid, or the width of its floats.
        batches: Crossing tensor -> where its batch dimension is.
        dtypes: Crossing tensor -> its type in the network.
        coding: How the network's input crosses if it is sent as a JPEG file.
    """

    layout: WireLayout
    formats: Mapping[str, ElementFormat]
    batches: Mapping[str, BatchLayout]
    dtypes: Mapping[str, torch.dtype]
    coding: InputCoding | None = None

    def to_message(self, tensors: Mapping[str, Tensor], batch: int) -> Message:
        """A message of crossing tensors.

        Args:
            tensors: Value of each tensor of the layout, on its grid.
            batch: Number of samples; a tensor that is the same for all samples is sent for each,
                as the tables count it.
        """
        numbers = {
            wire.name: self._numbers(wire, tensors[wire.name], batch)
            for wire in self.layout.tensors
        }
        return Message(self.layout, numbers)

    def to_tensors(self, message: Message) -> dict[str, Tensor]:
        """The tensors that the cloud half reads from a message."""
        return {wire.name: self._value(wire, message) for wire in self.layout.tensors}

    def _numbers(self, wire: WireTensor, value: Tensor, batch: int) -> npt.NDArray[np.generic]:
        grid = self.formats[wire.name]
        if isinstance(grid, Integers):
            value = self._integers(wire.name, value, grid)
        elif wire.coding in ("packed", "entropy"):
            value = quantize(value, self._grid(wire))
        elif wire.coding == "none":
            kind = torch.float16 if wire.bits == 16 else torch.float32
            limit = torch.finfo(kind).max  # what half precision cannot hold is clipped
            value = value.clamp(-limit, limit).to(kind)
        samples = self.batches[wire.name].samples_first(value).reshape(-1, *wire.shape)
        samples = samples.expand(batch, *wire.shape) if len(samples) == 1 else samples
        if self.coding is None:
            return samples.numpy()
        return to_pixels(samples.float().numpy(), self.coding.mean, self.coding.std)

    def _value(self, wire: WireTensor, message: Message) -> Tensor:
        numbers, dtype = message.tensors[wire.name], self.dtypes[wire.name]
        if self.coding is not None:
            numbers = from_pixels(numbers, self.coding.mean, self.coding.std)
        elif numbers.dtype in (np.uint16, np.uint32):
            numbers = numbers.astype(np.int64)
        samples = torch.from_numpy(np.ascontiguousarray(numbers))
        kept = self.formats[wire.name]
        if isinstance(kept, Integers):
            samples = samples.long() + kept.low
        elif wire.coding in ("packed", "entropy"):
            samples = dequantize(samples, self._grid(wire))
        return self.batches[wire.name].from_samples(samples).to(dtype)

    @staticmethod
    def _integers(name: str, value: Tensor, kept: Integers) -> Tensor:
        """Integers of a tensor that keeps its values, from 0 on.

        Raises:
            DataError: A value is not among those that the tensor can hold.
        """
        whole = value.long()
        refuse_outside(name, kept, int(whole.min()), int(whole.max()))
        return whole - kept.low

    def _grid(self, wire: WireTensor) -> Grid:
        """The grid of a tensor that is sent as integers."""
        grid = self.formats[wire.name]
        assert isinstance(grid, Grid)
        return grid
