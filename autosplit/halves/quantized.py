"""A plan ready to run: a quantized edge half, packed crossing tensors, a float cloud half."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from autosplit.capture.program import Program
from autosplit.errors import PlanError
from autosplit.graph.graph import Cut
from autosplit.graph.memory import packed_bytes
from autosplit.grid.grid import ElementFormat, Grid, Unquantized
from autosplit.halves.lowering import IntegerWeight, lower
from autosplit.halves.partition import Half, join, split
from autosplit.halves.wire.pack import pack, unpack
from autosplit.plan.planfile import PlanFile
from autosplit.quantize.affine import (
    dequantize,
    fake_quantize_,
    numbers_along,
    quantize,
    quantize_to_levels,
)
from autosplit.stats.jpeg import InputCoding, code


@dataclass(frozen=True)
class Deployed:
    """A plan ready to run: its halves, and the integers of what crosses.

    Attributes:
        program: The captured network.
        cut: Where it is cut.
        edge: Quantized half.
        cloud: Float half.
        wire: Crossing tensor -> its grid, or the width of its floats.
        coding: How the network's input crosses if it is sent as a JPEG file.
    """

    program: Program
    cut: Cut
    edge: Half
    cloud: Half
    wire: Mapping[str, ElementFormat]
    coding: InputCoding | None = None

    @property
    def crossing_bytes(self) -> int:
        """Bytes that cross for one image by the plan: by its widths, or the mean of JPEG files."""
        if self.coding is not None:
            return self.coding.sent
        graph = self.program.graph
        return sum(packed_bytes(graph.elements(name), q.bits) for name, q in self.wire.items())

    def __call__(self, *inputs: Tensor) -> tuple[tuple[Tensor, ...], int]:
        """Run both halves on a batch.

        Args:
            inputs: The network's inputs, each (batch, ...).

        Returns:
            The network's outputs, and the bytes that crossed for the whole batch.
        """
        named = dict(zip(self.cut.graph.inputs, inputs, strict=True))
        written = self.edge(named)
        received, sent = {}, 0
        for tensor, stored in self.wire.items():
            received[tensor], count = self._cross(tensor, written[tensor], stored)
            sent += count
        answers = {name: value for name, value in written.items() if name not in self.wire}
        return join(answers, self.cloud(received)), sent

    def _cross(self, tensor: str, value: Tensor, stored: ElementFormat) -> tuple[Tensor, int]:
        """One tensor through the wire, sample by sample, and the bytes that it took."""
        if self.coding is not None:
            return _cross_as_jpeg(value, self.coding)
        if isinstance(stored, Unquantized):
            return _cross_as_float(value, stored.bits)
        layout = self.program.layouts[tensor]
        codes = quantize(value, stored)
        samples = layout.samples_first(codes)
        sent = 0
        arrived = torch.empty(samples.shape, dtype=torch.int32)
        for i, sample in enumerate(samples):
            packet = pack(sample.contiguous().numpy().reshape(-1), stored.bits)
            sent += len(packet)
            opened = unpack(packet, stored.bits, sample.numel())
            arrived[i] = torch.from_numpy(opened.astype("int32")).reshape(sample.shape)
        returned = torch.empty_like(codes, dtype=torch.int32)
        layout.samples_first(returned).copy_(arrived)
        return dequantize(returned, stored).to(value.dtype), sent


def _cross_as_jpeg(value: Tensor, coding: InputCoding) -> tuple[Tensor, int]:
    """Pictures through the wire as JPEG files, and the bytes of all of them."""
    arrived, sizes = code(value.float().numpy(), coding.quality, coding.mean, coding.std)
    return torch.from_numpy(arrived).to(value.dtype), sum(sizes)


def _cross_as_float(value: Tensor, bits: int) -> tuple[Tensor, int]:
    """A float tensor through the wire, as IEEE half or single precision, and its bytes."""
    kind = torch.float16 if bits == 16 else torch.float32
    limit = torch.finfo(kind).max  # what half precision cannot hold is clipped, as by integers
    packet = value.contiguous().clamp(-limit, limit).to(kind).numpy().tobytes()
    arrived = torch.frombuffer(bytearray(packet), dtype=kind).reshape(value.shape)
    return arrived.to(value.dtype), len(packet)


def deploy(program: Program, file: PlanFile) -> Deployed:
    """Build a plan's quantized edge half and float cloud half.

    Raises:
        PlanError: The plan is for a network with other layers, or was finished for one with other
            weights.
    """
    graph = program.graph
    if file.equalized != graph.equalized:
        words = {True: "equalized", False: "not equalized"}
        raise PlanError(
            f"{file.plan.name}: is for the network {words[file.equalized]}, {graph.name} is "
            f"{words[graph.equalized]}; see --equalize of stats"
        )
    unknown = [name for name in file.plan.edge if name not in graph.by_name]
    if unknown:
        raise PlanError(
            f"{file.plan.name}: is for another network, {graph.name} has no {unknown[0]!r}"
        )
    if file.weights_sha256 not in ("", program.weights_sha256):
        raise PlanError(
            f"{file.plan.name}: must run on the weights that it was finished for, those of "
            f"{graph.name} are others; load the same, or run: autosplit quantize --force"
        )
    cut = graph.cut(file.plan.edge)
    weights = {
        program.weights[name].target: integer_weight(program, file, name)
        for name in cut.weights
        if isinstance(file.weights[name], Grid)
    }

    jpeg = graph.inputs if file.plan.input_coding is not None else ()

    def insert(half: fx.Graph, node: fx.Node, tensor: str) -> fx.Node:
        grid = file.activations[tensor]
        if not isinstance(grid, Grid) or tensor in jpeg:  # stays as it is
            return node
        meta = node.meta
        if tensor in graph.inputs:
            node = half.call_function(torch.clone, (node,))
        node = half.call_function(fake_quantize_, (node, *grid.per_tensor, grid.bits))
        node.meta = {**meta}
        return node

    edge, cloud = split(program, cut, insert=insert)
    edge = lower(edge, weights)
    wire = {tensor: file.activations[tensor] for tensor in cloud.reads}
    return Deployed(program, cut, edge, cloud, wire, file.plan.input_coding)


def integer_weight(program: Program, file: PlanFile, layer: str) -> IntegerWeight:
    """A layer's weight as the integers of a plan: those that it holds, else the nearest.

    Raises:
        PlanError: The plan has not one scale per output channel, or codes of another shape.
    """
    weight, axis = program.weight(layer), program.weights[layer].axis
    grid = file.weights[layer]
    assert isinstance(grid, Grid)
    if len(grid.scale) != weight.shape[axis]:
        raise PlanError(
            f"{layer}: must have one scale per output channel ({weight.shape[axis]}), "
            f"the plan has {len(grid.scale)}"
        )
    if layer in file.codes:
        codes = torch.from_numpy(file.codes[layer])
        if codes.shape != weight.shape:
            raise PlanError(
                f"{layer}: codes must have the shape {tuple(weight.shape)} of the weight, "
                f"the plan has {tuple(codes.shape)}"
            )
        _, zero_point = numbers_along(grid, axis, weight.dim())
        levels = codes.float().sub_(zero_point)
    else:
        levels = quantize_to_levels(weight, grid, axis).float()
    given = file.biases.get(layer)
    bias = None if given is None else torch.from_numpy(given)
    return IntegerWeight(levels, grid, axis, bias)
