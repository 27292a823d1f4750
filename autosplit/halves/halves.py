"""A plan ready to run: the edge half, the cloud half, and a message of bytes between them.

    inputs --edge--> Message --encode--> bytes --decode--> Message --cloud--> the network's outputs

The edge half computes on integers, bit for bit as a device does; the cloud half is in float.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from autosplit.capture.layout import BatchLayout
from autosplit.capture.program import Program
from autosplit.graph.graph import Cut
from autosplit.grid.grid import ElementFormat, Grid
from autosplit.halves.lowering import lower
from autosplit.halves.partition import Half, cloud_part, join
from autosplit.halves.quantized import check_plan, integer_weights, marked_half
from autosplit.halves.wire.jpeg import from_pixels, to_pixels
from autosplit.halves.wire.layout import WireLayout, WireTensor
from autosplit.halves.wire.message import Message
from autosplit.plan.crossing import wire_layout
from autosplit.plan.planfile import PlanFile
from autosplit.quantize.affine import dequantize, quantize
from autosplit.stats.coding import InputCoding


def integer_half(program: Program, file: PlanFile) -> Half:
    """The edge half as a device with integers alone computes it; the reference for every export.

    What is computed, to the last bit, is in ``halves/lowering.py``.

    Args:
        program: The captured network.
        file: The plan with its grids.

    Raises:
        PlanError: The plan is for a network with other layers, or was finished for one with other
            weights.
    """
    cut = check_plan(program, file)
    return lower(marked_half(program, file, cut), integer_weights(program, file, cut))


def cloud_half(program: Program, file: PlanFile) -> Half:
    """The cloud half, in float: from the crossing tensors to the rest of the answers.

    Raises:
        PlanError: As ``integer_half``.
    """
    return cloud_part(program, check_plan(program, file))


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
        if wire.coding == "packed":
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
        elif numbers.dtype == np.uint16:
            numbers = numbers.astype(np.int32)
        samples = torch.from_numpy(np.ascontiguousarray(numbers))
        if wire.coding == "packed":
            samples = dequantize(samples, self._grid(wire))
        return self.batches[wire.name].from_samples(samples).to(dtype)

    def _grid(self, wire: WireTensor) -> Grid:
        """The grid of a tensor that is sent as integers."""
        grid = self.formats[wire.name]
        assert isinstance(grid, Grid)
        return grid


@dataclass(frozen=True)
class EdgeSide:
    """What the device runs.

    Attributes:
        half: From the network's inputs to the crossing tensors and the edge's own answers.
        crossing: How the crossing tensors become a message.
        batch: Where the batch dimension of the first input is.
    """

    half: Half
    crossing: Crossing
    batch: BatchLayout

    def __call__(self, inputs: Sequence[Tensor]) -> tuple[Message, dict[str, Tensor]]:
        """The message of a batch, and those of the network's outputs that are computed here.

        Args:
            inputs: The network's inputs, each (batch, ...).
        """
        written = self.half(dict(zip(self.half.reads, inputs, strict=True)))
        sent = {name: written.pop(name) for name in self.crossing.layout.names}
        return self.crossing.to_message(sent, self.batch.batch(inputs[0])), written


@dataclass(frozen=True)
class CloudSide:
    """What the server runs.

    Attributes:
        half: From the crossing tensors to the rest of the network's outputs.
        crossing: How a message becomes the crossing tensors.
    """

    half: Half
    crossing: Crossing

    def __call__(self, message: Message) -> dict[str, Tensor]:
        """Those of the network's outputs that are computed in the cloud, by ``output:<place>``."""
        return self.half(self.crossing.to_tensors(message))


@dataclass(frozen=True)
class Deployed:
    """A plan ready to run: its two sides, and nothing but bytes between them.

    Attributes:
        cut: Where the network is cut.
        edge: The device's side.
        cloud: The server's side.
    """

    cut: Cut
    edge: EdgeSide
    cloud: CloudSide

    @property
    def coding(self) -> InputCoding | None:
        """How the network's input crosses if it is sent as a JPEG file."""
        return self.edge.crossing.coding

    @property
    def layout(self) -> WireLayout:
        """What a message holds."""
        return self.edge.crossing.layout

    @property
    def crossing_bytes(self) -> int:
        """Bytes that cross for one image by the plan: by its widths, or the mean of JPEG files."""
        if self.coding is not None:
            return self.coding.sent
        return self.layout.sample_bytes or 0

    def __call__(self, *inputs: Tensor) -> tuple[tuple[Tensor, ...], int]:
        """Run both halves on a batch.

        Args:
            inputs: The network's inputs, each (batch, ...).

        Returns:
            The network's outputs, and the bytes of all samples that crossed, as the tables count
            them: without the message's header.
        """
        message, answers = self.edge(inputs)
        data = message.encode()
        received = Message.decode(data, self.layout)
        return join(answers, self.cloud(received)), len(data) - message.framing_bytes


def deploy(program: Program, file: PlanFile) -> Deployed:
    """Build both sides of a plan: an integer edge half, and a float cloud half.

    Raises:
        PlanError: The plan is for a network with other layers, or was finished for one with other
            weights.
    """
    cut = check_plan(program, file)
    edge, cloud = integer_half(program, file), cloud_part(program, cut)
    coding = file.plan.input_coding
    layout = file.wire or wire_layout(cut, file.activations, coding)
    dtypes = dict(zip(cloud.reads, cloud.dtypes, strict=True))
    crossing = Crossing(layout, file.activations, program.layouts, dtypes, coding)
    batch = program.layouts[next(iter(program.graph.inputs))]
    return Deployed(cut, EdgeSide(edge, crossing, batch), CloudSide(cloud, crossing))
