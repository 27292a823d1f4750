"""A plan ready to run: the edge half, the cloud half, and a message of bytes between them.

    inputs --edge--> Message --encode--> bytes --decode--> Message --cloud--> the network's outputs

The edge half computes on integers, bit for bit as a device does; the cloud half is in float.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from autosplit.capture.batch_axis import BatchLayout
from autosplit.capture.program import Program
from autosplit.halves.crossing import Crossing
from autosplit.halves.partition import Half, cloud_part, join
from autosplit.halves.quantized import check_plan, integer_half
from autosplit.halves.wire.layout import WireLayout
from autosplit.halves.wire.message import Message
from autosplit.plan.planfile import PlanFile
from autosplit.plan.wire_layout import wire_layout, with_orders
from autosplit.stats.coding import InputCoding


@dataclass(frozen=True)
class EdgeSide:
    """What the device runs.

    Attributes:
        half: From the network's inputs to the crossing tensors and the edge's own answers.
        crossing: How the crossing tensors become a message.
        batch: Place of an input that grows with the batch, and where its batch dimension is.
    """

    half: Half
    crossing: Crossing
    batch: tuple[int, BatchLayout]

    def __call__(self, inputs: Sequence[Tensor]) -> tuple[Message, dict[str, Tensor]]:
        """The message of a batch, and those of the network's outputs that are computed here.

        Args:
            inputs: The network's inputs, each (batch, ...).
        """
        written = self.half(dict(zip(self.half.reads, inputs, strict=True)))
        sent = {name: written.pop(name) for name in self.crossing.layout.names}
        place, layout = self.batch
        return self.crossing.to_message(sent, layout.batch(inputs[place])), written


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
        edge: The device's side.
        cloud: The server's side.
    """

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
        """Bytes that cross for one image by the plan: by its widths, or a mean where coded."""
        if self.coding is not None:
            return self.coding.sent
        return sum(
            (one.mean_bytes or 0) if one.sample_bytes is None else one.sample_bytes
            for one in self.layout.tensors
        )

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
        DataError: The wire layout of the plan lists other tensors than those that cross.
    """
    cut = check_plan(program, file)
    edge, cloud = integer_half(program, file), cloud_part(program, cut)
    coding = file.plan.input_coding
    layout = wire_layout(cut, file.activations, coding)
    if file.wire is not None:
        layout = with_orders(layout, file.wire)
    dtypes = dict(zip(cloud.reads, cloud.dtypes, strict=True))
    crossing = Crossing(layout, file.activations, program.layouts, dtypes, coding)
    layouts = enumerate(program.layouts[name] for name in program.graph.inputs)
    batch = next(pair for pair in layouts if pair[1].axis is not None)
    return Deployed(EdgeSide(edge, crossing, batch), CloudSide(cloud, crossing))
