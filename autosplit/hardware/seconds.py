"""Seconds that layers, cuts and transfers take: one function per latency model, a dict of them.

A layer takes ``dispatch + max(compute, traffic / bandwidth)`` seconds: memory traffic overlaps with
computation (the roofline bound of Williams, Waterman and Patterson, CACM 52(4), 2009), layers run
one after the other.  Compute seconds are the device's latency model's; traffic counts every byte
that the layer must read or write once, packed at its width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from autosplit.errors import LatencyError, did_you_mean
from autosplit.graph.bit_counts import input_bits
from autosplit.graph.graph import Cut, Graph
from autosplit.graph.layer import FIXED_BITS, Layer
from autosplit.graph.memory import crossing_bytes, packed_bytes
from autosplit.hardware.device import Device
from autosplit.hardware.link import Link
from autosplit.hardware.prediction import Prediction
from autosplit.hardware.roofline import roofline_s
from autosplit.hardware.systolic import systolic_s
from autosplit.hardware.table import table_s

ANSWER_BITS = 32
"""Width of an answer on its way back from the cloud."""

LatencyModel = Callable[[Layer, Device, int, int], float]
"""Compute seconds of a layer on a device by two widths, bits: of its weight (0: none), and of the
widest of its inputs."""


def traffic_bits(
    layer: Layer, graph: Graph, weight_bits: int, activation_bits: Mapping[str, int]
) -> int:
    """Count the bits that a layer moves to and from memory, each tensor once.

    Weights and fixed parameters, the inputs and the output, all packed.  Of an input, what is read
    is counted: part of a tensor behind a slicing view costs that part, and a broadcast tensor is
    read once.  Of an embedding, the rows looked up are counted, not the table.

    Args:
        layer: The layer.
        graph: The graph that it belongs to.
        weight_bits: Width of its weight; ignored without one.
        activation_bits: Tensor -> width, for its inputs and its output.

    Raises:
        LatencyError: A tensor has no width.
    """
    weights, fixed = layer.weight_elements, layer.fixed_elements
    if layer.kind == "embedding":
        weights, fixed = min(weights, layer.output_elements), min(fixed, layer.output_elements)
    moved = packed_bytes(weights, weight_bits) + packed_bytes(fixed, FIXED_BITS)
    for tensor, shape in zip(layer.inputs, layer.input_shapes, strict=True):
        read = min(math.prod(shape), graph.elements(tensor))
        moved += packed_bytes(read, _width(layer, tensor, activation_bits))
    written = packed_bytes(layer.output_elements, _width(layer, layer.name, activation_bits))
    return 8 * (moved + written)


def layer_s(
    layer: Layer,
    graph: Graph,
    device: Device,
    weight_bits: int,
    activation_bits: Mapping[str, int],
) -> float:
    """Predict the seconds of one layer: dispatch, then computation overlapped with its traffic.

    Args:
        layer: The layer.
        graph: The graph that it belongs to.
        device: Where it runs.
        weight_bits: Width of its weight; ignored without one.
        activation_bits: Tensor -> width, for its inputs and its output.

    Raises:
        LatencyError: The device's model does not know the layer, or a tensor has no width.
    """
    moved_bytes = traffic_bits(layer, graph, weight_bits, activation_bits) / 8
    weight = weight_bits if layer.weight_elements else 0
    compute_s = _model(device)(layer, device, weight, input_bits(layer, activation_bits))
    return device.dispatch_s + max(compute_s, moved_bytes / device.bandwidth_bytes_per_s)


def layers_s(graph: Graph, device: Device, bits: int, input_bits: int | None = None) -> list[float]:
    """Predict the seconds of every layer of a graph with all its tensors at one width.

    Args:
        graph: The graph.
        device: Where its layers run.
        bits: Width of every weight and every layer's output.
        input_bits: Width of the network's inputs; ``bits`` if None.

    Returns:
        Seconds in topological order, length L.

    Raises:
        LatencyError: The device's model does not know a layer.
    """
    inputs = dict.fromkeys(graph.inputs, bits if input_bits is None else input_bits)
    widths = {**inputs, **dict.fromkeys(graph.by_name, bits)}
    return [layer_s(layer, graph, device, bits, widths) for layer in graph.layers]


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
    seconds = 0.0
    for name in cut.edge:
        layer = cut.graph.by_name[name]
        owner = layer.weight_owner or name
        if layer.weight_elements and owner not in weight_bits:
            raise LatencyError(f"{name}: the weight stored with {owner!r} must have a width")
        bits = weight_bits[owner] if layer.weight_elements else 0
        seconds += layer_s(layer, cut.graph, device, bits, activation_bits)
    return seconds


def cloud_s(cut: Cut, device: Device, bits: int | None = None) -> float:
    """Predict the seconds of the cloud half, all of it at one width.

    Args:
        cut: The cut.
        device: The cloud device.
        bits: Width; the device's floats if None.

    Raises:
        LatencyError: The device's model does not know a layer.
    """
    bits = device.float_bits if bits is None else bits
    widths = dict.fromkeys(cut.graph.tensors, bits)
    layers = (cut.graph.by_name[name] for name in cut.cloud)
    return sum((layer_s(layer, cut.graph, device, bits, widths) for layer in layers), 0.0)


def transfer_s(
    cut: Cut, link: Link, activation_bits: Mapping[str, int], sent_bytes: int | None = None
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
        sent = crossing_bytes(cut, activation_bits) if sent_bytes is None else sent_bytes
        seconds += link.transfer_s(8 * sent)
    if cut.answers:
        elements = sum(cut.graph.elements(tensor) for tensor in cut.answers)
        seconds += link.answer_s(ANSWER_BITS * elements)
    return seconds


def predict(
    cut: Cut,
    weight_bits: Mapping[str, int],
    activation_bits: Mapping[str, int],
    edge: Device,
    cloud: Device,
    link: Link,
    cloud_bits: int | None = None,
    sent_bytes: int | None = None,
) -> Prediction:
    """Predict the seconds of a cut at these widths, from the input to the answer.

    Args:
        cut: The cut.
        weight_bits: Layer that stores a weight -> its width, for every stored edge weight.
        activation_bits: Tensor -> width, for the network's inputs and every edge layer.
        edge: The edge device.
        cloud: The cloud device.
        link: The link between them.
        cloud_bits: Width of the cloud half; the cloud device's floats if None.
        sent_bytes: As for ``transfer_s``.

    Raises:
        LatencyError: A device's model does not know a layer, or a tensor has no width.
    """
    links = {link.name: link}
    widths = weight_bits, activation_bits
    return predict_links(cut, *widths, edge, cloud, links, cloud_bits, sent_bytes)[link.name]


def predict_links(
    cut: Cut,
    weight_bits: Mapping[str, int],
    activation_bits: Mapping[str, int],
    edge: Device,
    cloud: Device,
    links: Mapping[str, Link],
    cloud_bits: int | None = None,
    sent_bytes: int | None = None,
) -> dict[str, Prediction]:
    """Predict as ``predict`` does for several links; what they share is computed once.

    Args and errors are those of ``predict``, but for ``links``: link name -> link.

    Returns:
        Link name -> prediction, sorted by name.
    """
    here_s = edge_s(cut, edge, weight_bits, activation_bits)
    there_s = cloud_s(cut, cloud, cloud_bits)
    return {
        name: Prediction(here_s, transfer_s(cut, links[name], activation_bits, sent_bytes), there_s)
        for name in sorted(links)
    }


def compute_table(graph: Graph, device: Device, widths: Sequence[int]) -> npt.NDArray[np.float64]:
    """Tabulate compute seconds by the widths of the operands, without dispatch and traffic.

    Args:
        graph: The graph.
        device: Where its layers run.
        widths: Operand widths, bits, ascending, length B.

    Returns:
        Seconds of layer l with its weight at width b and its widest input at width c, shape
        (L, B, B), layers in topological order; a layer without a weight has its seconds at the
        first b.

    Raises:
        LatencyError: The device's model does not know a layer.
    """
    model = _model(device)
    places = np.arange(len(widths))
    if device.model in WIDEST_ALONE:
        each = [[model(layer, device, 0, bits) for bits in widths] for layer in graph.layers]
        return np.array(each)[:, np.maximum(places[:, None], places)]
    return np.array(
        [
            [
                [model(layer, device, bits if layer.weight_elements else 0, c) for c in widths]
                for bits in widths
            ]
            for layer in graph.layers
        ]
    )


def _model(device: Device) -> LatencyModel:
    if device.model not in MODELS:
        hint = did_you_mean(device.model, MODELS)
        raise LatencyError(f"{device.name}: no latency model {device.model!r}{hint}")
    return MODELS[device.model]


def _width(layer: Layer, tensor: str, activation_bits: Mapping[str, int]) -> int:
    if tensor not in activation_bits:
        raise LatencyError(f"{layer.name}: tensor {tensor!r} must have a width")
    return activation_bits[tensor]


WIDEST_ALONE = frozenset({"systolic", "roofline"})
"""Models that know no more of the operands than the width of the widest."""
MODELS: dict[str, LatencyModel] = {
    "systolic": systolic_s,
    "roofline": roofline_s,
    "table": table_s,
}
