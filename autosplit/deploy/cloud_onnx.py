"""The cloud half of a plan as an ONNX model that takes the bytes of a message.

Every tensor of integers is an input (batch, bytes of a sample), uint8, unpacked and dequantized by
standard operators inside the graph, so that a server needs no code of ours.  What is entropy-coded
on the wire is decoded to these bytes before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

import autosplit.deploy.quantize_operators  # noqa: F401 - registers the operators
from autosplit.capture.batch_axis import BatchLayout
from autosplit.capture.program import Program
from autosplit.deploy.onnx_export import export_onnx
from autosplit.deploy.operator_layers import naming_layers
from autosplit.graph.integers import Integers
from autosplit.grid.grid import ElementFormat, Grid
from autosplit.halves.deployed import deploy
from autosplit.halves.partition import Half
from autosplit.halves.wire.layout import WireTensor
from autosplit.plan.planfile import PlanFile
from autosplit.stats.coding import InputCoding

if TYPE_CHECKING:
    from onnx import ModelProto


Fields = Callable[[Tensor, int], Tensor]
"""Bytes and the width of a field -> the fields of each byte."""


def cloud_onnx(program: Program, file: PlanFile) -> ModelProto:
    """The cloud half of a plan, in float32.

    Args:
        program: The captured network.
        file: The plan with its grids.

    Returns:
        A model that takes a tensor of bytes, or of floats or pixels, for each tensor of the wire
        layout by its name, and gives the answers ``output:<place>``.

    Raises:
        PlanError: The plan is for a network with other layers, or was finished for one with other
            weights.
        ModelError: ONNX has no form of an operator.
    """
    module, example = cloud_module(program, file, torch.ops.autosplit.fields)
    names = [part.wire.name for part in module.parts]
    with naming_layers(program, module.side):
        return export_onnx(module, example, [0] * len(example), names, module.side.writes)


def cloud_module(
    program: Program, file: PlanFile, fields: Fields
) -> tuple[CloudModule, list[Tensor]]:
    """The cloud half of a plan behind what unpacks a message, and an example of what it takes.

    Args:
        program: The captured network.
        file: The plan with its grids.
        fields: Takes bytes apart, as ``quantize_operators.byte_fields``.

    Raises:
        PlanError: The plan is for a network with other layers, or was finished for one with other
            weights.
    """
    side = deploy(program, file).cloud
    crossing = side.crossing
    parts = [
        _Received(
            wire,
            crossing.formats[wire.name],
            crossing.batches[wire.name],
            crossing.dtypes[wire.name],
            crossing.coding,
        )
        for wire in crossing.layout.tensors
    ]
    return CloudModule(side.half, parts, fields), [part.example() for part in parts]


@dataclass(frozen=True)
class _Received:
    """One tensor of a message, and how it becomes the network's again.

    Attributes:
        wire: What is sent.
        kept: Grid of the tensor, or which integers it holds, where it is sent as integers.
        batch: Where the batch is.
        dtype: Type of the tensor in the network.
        coding: How the network's input crosses if it is sent as a picture.
    """

    wire: WireTensor
    kept: ElementFormat
    batch: BatchLayout
    dtype: torch.dtype
    coding: InputCoding | None

    def example(self) -> Tensor:
        """Two samples of zeros."""
        if self.wire.coding in ("packed", "entropy"):
            return torch.zeros((2, self.wire.row_bytes), dtype=torch.uint8)
        kind = {8: torch.uint8, 16: torch.float16, 32: torch.float32}[self.wire.bits]
        return torch.zeros((2, *self.wire.shape), dtype=kind)

    def value(self, data: Tensor, fields: Fields) -> Tensor:
        """The tensor of the network from what was sent, (batch, ...)."""
        wire = self.wire
        if wire.coding in ("packed", "entropy"):
            numbers = unpacked(data, wire.bits, wire.elements, fields)
            ordered = numbers.reshape(-1, *(wire.shape[axis] for axis in wire.order))
            back = np.argsort(wire.order)
            samples = self._kept(ordered.permute(0, *(int(axis) + 1 for axis in back)))
        elif self.coding is not None:
            shape = (1, -1, 1, 1)
            mean, std = (
                torch.tensor(numbers, dtype=torch.float32).reshape(shape)
                for numbers in (self.coding.mean, self.coding.std)
            )
            samples = (data.float() / 255 - mean) / std
        else:
            samples = data.float()
        return self.batch.from_samples(samples).to(self.dtype)

    def _kept(self, integers: Tensor) -> Tensor:
        """Values of integers on the grid, or of integers that count from the least value."""
        if isinstance(self.kept, Integers):
            return integers.long() + self.kept.low
        assert isinstance(self.kept, Grid)
        scale, zero = self.kept.per_tensor
        return (integers - zero) * scale


def unpacked(data: Tensor, bits: int, count: int, fields: Fields) -> Tensor:
    """Integers from the stream of ``halves/wire/pack.py``, as operators that export.

    Args:
        data: uint8, shape (rows, ``packed_bytes(count, bits)``).
        bits: Width of an element, 1..32.
        count: Elements of a row.
        fields: Takes bytes apart.

    Returns:
        Shape (rows, count), float32, or float64 above 16 bits: both hold the integers exactly.
    """
    if bits == 8:
        return data.float()
    step = bits if 8 % bits == 0 else 1
    found = fields(data, step).flatten(1).float()
    if step == bits:
        return found[:, :count]
    grouped = found[:, : count * bits].reshape(-1, count, bits)
    kind = torch.float32 if bits <= 16 else torch.float64
    return grouped.to(kind) @ (2.0 ** torch.arange(bits)).to(kind)


class CloudModule(nn.Module):
    """The cloud half behind what unpacks a message.

    Args:
        half: The half.
        parts: The tensors of a message, in its order.
        fields: Takes bytes apart.
    """

    def __init__(self, half: Half, parts: Sequence[_Received], fields: Fields) -> None:
        super().__init__()
        self.fields = fields
        self.side, self.parts = half, list(parts)
        self.inner = half.module()

    def forward(self, *data: Tensor) -> tuple[Tensor, ...]:
        """The answers of one message, each tensor as it crosses, (batch, ...)."""
        values: Mapping[str, Tensor] = {
            part.wire.name: part.value(one, self.fields)
            for part, one in zip(self.parts, data, strict=True)
        }
        answers: tuple[Tensor, ...] = self.inner(*(values[name] for name in self.side.reads))
        return answers
