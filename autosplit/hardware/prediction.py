"""Seconds of a cut: its edge half, the link, and its cloud half.

The edge half runs at the widths of a plan, the cloud half at one width.  What crosses is paid for
by the link; the answer's way back is, too, if the link has a downlink.  Joules are those of the
edge device alone.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from autosplit.errors import LatencyError
from autosplit.graph.graph import Cut
from autosplit.graph.layer import Layer
from autosplit.graph.memory import crossing_bytes
from autosplit.hardware.coding_seconds import picture_s, tensor_s
from autosplit.hardware.device import Device
from autosplit.hardware.energy import knows_energy, layer_j, radio_j
from autosplit.hardware.link import Link
from autosplit.hardware.seconds import layer_s

_FREE = 0.0, 0.0
ANSWER_BITS = 32
"""Width of an answer on its way back from the cloud."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """Seconds, and joules of the edge device, that one plan is predicted to take over one link.

    Attributes:
        edge_s: Time of the edge half on the edge device, and of coding what it sends.
        transfer_s: Time on the link: crossing tensors up, and the answer down if there is a
            downlink, with what the link's profile charges for each message.
        cloud_s: Time of the cloud half on the cloud device, and of decoding what it gets.
        energy_j: Energy of an answer on the edge device: computing, memory traffic and what the
            link carries; None where the profiles do not say it.
    """

    edge_s: float
    transfer_s: float
    cloud_s: float
    energy_j: float | None = None

    @property
    def latency_s(self) -> float:
        """Seconds from the input to the answer."""
        return self.edge_s + self.transfer_s + self.cloud_s


@dataclass(frozen=True, slots=True)
class PlanWidths:
    """The widths that decide the seconds of a cut.

    Attributes:
        weight_bits: Layer that stores a weight -> its width, for every stored edge weight.
        activation_bits: Tensor -> width, for the network's inputs and every edge layer.
        cloud_bits: Width of the cloud half; the cloud device's floats if None.
        sent_bytes: Bytes that are sent for one sample; the crossing tensors packed to their widths
            if None.
        jpeg: Whether the input is sent as a JPEG file.
        coded: Crossing tensors that are entropy-coded.
    """

    weight_bits: Mapping[str, int]
    activation_bits: Mapping[str, int]
    cloud_bits: int | None = None
    sent_bytes: int | None = None
    jpeg: bool = False
    coded: Collection[str] = ()


def edge_layers(
    cut: Cut, device: Device, weight_bits: Mapping[str, int], activation_bits: Mapping[str, int]
) -> Iterator[tuple[Layer, float]]:
    """Predict the seconds of each layer of the edge half, as ``edge_s``, in order."""
    for name in cut.edge:
        layer = cut.graph.by_name[name]
        if layer.weight_elements and layer.owner not in weight_bits:
            raise LatencyError(f"{name}: the weight stored with {layer.owner!r} must have a width")
        bits = weight_bits[layer.owner] if layer.weight_elements else 0
        yield layer, layer_s(layer, cut.graph, device, bits, activation_bits)


def cloud_layers(
    cut: Cut, device: Device, bits: int | None = None
) -> Iterator[tuple[Layer, float]]:
    """Predict the seconds of each layer of the cloud half, as ``cloud_s``, in order."""
    bits = device.float_bits if bits is None else bits
    widths = dict.fromkeys(cut.graph.tensors, bits)
    for name in cut.cloud:
        layer = cut.graph.by_name[name]
        yield layer, layer_s(layer, cut.graph, device, bits, widths)


def edge_s(
    cut: Cut, device: Device, weight_bits: Mapping[str, int], activation_bits: Mapping[str, int]
) -> float:
    """Predict the seconds of the edge half, its layers one after the other.

    Args:
        cut: The cut.
        device: The edge device.
        weight_bits: Layer that stores a weight -> its width; who shares it reads it at that width.
        activation_bits: Tensor -> width, for the network's inputs and every edge layer.

    Raises:
        LatencyError: The device's model does not know a layer, or a tensor has no width.
    """
    return sum((s for _, s in edge_layers(cut, device, weight_bits, activation_bits)), 0.0)


def cloud_s(cut: Cut, device: Device, bits: int | None = None) -> float:
    """Predict the seconds of the cloud half, all of it at one width.

    Args:
        cut: The cut.
        device: The cloud device.
        bits: Width; the device's floats if None.

    Raises:
        LatencyError: The device's model does not know a layer.
    """
    return sum((seconds for _, seconds in cloud_layers(cut, device, bits)), 0.0)


def give_s(cut: Cut, device: Device) -> float:
    """Seconds more on the edge for the tensors that cross, beside ``edge_s``.

    Args:
        cut: The cut.
        device: The edge device; only measured tables know such prices.
    """
    prices = (device.crossings.get(tensor, _FREE) for tensor in cut.crossing)
    return sum((give for give, _ in prices), 0.0) if cut.edge else 0.0


def take_s(cut: Cut, device: Device) -> float:
    """Seconds more in the cloud for the tensors that cross, beside ``cloud_s``.

    Args:
        cut: The cut.
        device: The cloud device.
    """
    prices = (device.crossings.get(tensor, _FREE) for tensor in cut.crossing)
    return sum((take for _, take in prices), 0.0) if cut.cloud else 0.0


def coding_s(
    cut: Cut, edge: Device, cloud: Device, coded: Collection[str], *, jpeg: bool = False
) -> tuple[float, float]:
    """Seconds to code what crosses on the edge, and to decode it in the cloud.

    Args:
        cut: The cut.
        edge: The edge device.
        cloud: The cloud device.
        coded: Crossing tensors that are entropy-coded; packing costs no seconds.
        jpeg: Whether the input is sent as a JPEG file; then that alone is coded.
    """
    graph = cut.graph

    def seconds(prices: Mapping[str, float]) -> float:
        if jpeg:
            return sum((picture_s(prices, graph.shape(t)) for t in cut.crossing), 0.0)
        return sum((tensor_s(prices, graph.elements(t)) for t in coded), 0.0)

    return seconds(edge.encode_s), seconds(cloud.decode_s)


def transfer_s(
    cut: Cut, link: Link, activation_bits: Mapping[str, int], sent_bytes: float | None = None
) -> float:
    """Predict the seconds on the link: crossing tensors up in one message, answers back.

    Nothing that crosses costs nothing, not even a round trip.  Answers computed in the cloud come
    back at 32 bits an element if the link has a downlink.

    Args:
        cut: The cut.
        link: The link.
        activation_bits: Tensor -> width, for every crossing tensor.
        sent_bytes: What is sent for one sample; None: the crossing tensors packed to their widths.
    """
    seconds = 0.0
    if cut.crossing:
        seconds += link.transfer_s(8 * _up_bytes(cut, activation_bits, sent_bytes))
    if cut.answers:
        seconds += link.answer_s(_answer_bits(cut))
    return seconds


def edge_j(
    cut: Cut,
    device: Device,
    weight_bits: Mapping[str, int],
    activation_bits: Mapping[str, int],
    seconds: float,
) -> float:
    """Predict the joules of the edge half: its power for these seconds, products and traffic.

    Args:
        cut: The cut.
        device: The edge device.
        weight_bits: Layer that stores a weight -> its width.
        activation_bits: Tensor -> width, for the network's inputs and every edge layer.
        seconds: Seconds of the edge half, as ``edge_s`` and ``give_s`` say.

    Returns:
        Infinite where the device has no joules for a width.
    """
    layers = (cut.graph.by_name[name] for name in cut.edge)
    each = (
        layer_j(one, cut.graph, device, weight_bits.get(one.owner, 0), activation_bits)
        for one in layers
    )
    return device.active_w * seconds + sum(each, 0.0)


def transfer_j(
    cut: Cut, link: Link, activation_bits: Mapping[str, int], sent_bytes: float | None = None
) -> float:
    """Predict the joules of the edge device for what the link carries, as ``transfer_s`` counts it.

    Args:
        cut: The cut.
        link: The link.
        activation_bits: Tensor -> width, for every crossing tensor.
        sent_bytes: What is sent for one sample; None: the crossing tensors packed to their widths.

    Returns:
        0 where nothing crosses, infinite where something does and the link does not say its joules.
    """
    carried = 0.0
    if cut.crossing:
        carried += _up_bytes(cut, activation_bits, sent_bytes) + link.message_bytes
    if cut.answers and link.downlink_bps is not None:
        carried += _answer_bits(cut) / 8 + link.reply_bytes
    return radio_j(link, carried)


def _up_bytes(cut: Cut, activation_bits: Mapping[str, int], sent_bytes: float | None) -> float:
    """Bytes of the crossing tensors of one sample: those that are given, or packed ones."""
    return crossing_bytes(cut, activation_bits) if sent_bytes is None else sent_bytes


def _answer_bits(cut: Cut) -> int:
    """Bits of the answers that are computed in the cloud."""
    return ANSWER_BITS * sum(cut.graph.elements(tensor) for tensor in cut.answers)


def predict(cut: Cut, widths: PlanWidths, edge: Device, cloud: Device, link: Link) -> Prediction:
    """Predict the seconds of a cut at these widths, from the input to the answer.

    Args:
        cut: The cut.
        widths: The widths.
        edge: The edge device.
        cloud: The cloud device.
        link: The link between them.

    Raises:
        LatencyError: A device's model does not know a layer, or a tensor has no width.
    """
    return predict_links(cut, widths, edge, cloud, {link.name: link})[link.name]


def predict_links(
    cut: Cut, widths: PlanWidths, edge: Device, cloud: Device, links: Mapping[str, Link]
) -> dict[str, Prediction]:
    """Predict as ``predict`` does for several links; the seconds of the halves are computed once.

    Args and errors are those of ``predict``, except ``links``: link name -> link.

    Returns:
        Link name -> prediction, sorted by name.
    """
    activation_bits = widths.activation_bits
    here_s = edge_s(cut, edge, widths.weight_bits, activation_bits) + give_s(cut, edge)
    there_s = cloud_s(cut, cloud, widths.cloud_bits) + take_s(cut, cloud)
    here_j = math.inf
    if knows_energy(edge):
        here_j = edge_j(cut, edge, widths.weight_bits, activation_bits, here_s)
    encode_s, decode_s = coding_s(cut, edge, cloud, widths.coded, jpeg=widths.jpeg)
    found = {}
    for name in sorted(links):
        link_s = transfer_s(cut, links[name], activation_bits, widths.sent_bytes)
        coded_s = links[name].jpeg_s if widths.jpeg else 0.0
        joules = here_j + transfer_j(cut, links[name], activation_bits, widths.sent_bytes)
        known = joules if math.isfinite(joules) else None
        found[name] = Prediction(here_s + encode_s, link_s + coded_s, there_s + decode_s, known)
    return found
