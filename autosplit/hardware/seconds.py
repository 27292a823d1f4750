"""Seconds that a layer takes on a device: one function per latency model, in a dictionary.

A layer takes ``dispatch + max(compute, traffic / bandwidth)`` seconds: memory traffic overlaps with
computation (the roofline bound of Williams, Waterman and Patterson, CACM 52(4), 2009), and layers
run one after the other.  The device's latency model gives the compute seconds; the traffic is every
byte that the layer must read or write once, packed at its width.

A tail, which is always computed in floats behind the network, adds the seconds of its own layers to
the compute seconds of the layer that it comes after.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from autosplit.errors import LatencyError, did_you_mean
from autosplit.graph.bit_counts import input_bits
from autosplit.graph.graph import Graph
from autosplit.graph.layer import Layer
from autosplit.hardware.device import Device
from autosplit.hardware.fitted import fitted_s
from autosplit.hardware.roofline import roofline_s
from autosplit.hardware.systolic import systolic_s
from autosplit.hardware.table import table_s
from autosplit.hardware.traffic import traffic_bits

LatencyModel = Callable[[Layer, Device, int, int], float]
"""Compute seconds of a layer on a device by two widths, bits: of its weight (0: none), and of the
widest of its inputs."""


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
    model = _model(device, graph)
    compute_s = model(layer, device, weight, input_bits(graph, layer, activation_bits))
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
    model = _model(device, graph)
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


def tail_s(graph: Graph, device: Device) -> list[float]:
    """Predict the seconds of each layer of a graph's tail, in floats; none without a tail.

    Args:
        graph: The graph.
        device: Where the tail runs; without floats, at the widest operands that it has.

    Raises:
        LatencyError: The device's model does not know a layer.
    """
    if graph.tail is None:
        return []
    widest = max(device.peak_macs_per_s, default=device.float_bits)
    return layers_s(graph.tail.graph, device, min(device.float_bits, widest))


def _model(device: Device, graph: Graph) -> LatencyModel:
    """The function of a device's latency model, with the tail of the graph."""
    if device.model not in MODELS:
        hint = did_you_mean(device.model, MODELS)
        raise LatencyError(f"{device.name}: no latency model {device.model!r}{hint}")
    model, tail = MODELS[device.model], graph.tail
    if tail is None:
        return model
    behind_s = cache(lambda: math.fsum(tail_s(graph, device)))

    def with_tail(layer: Layer, device: Device, weight_bits: int, activation_bits: int) -> float:
        own_s = model(layer, device, weight_bits, activation_bits)
        return own_s + behind_s() if layer.name == tail.after else own_s

    return with_tail


WIDEST_ALONE = frozenset({"systolic", "roofline", "fitted"})
"""Models that know no more of the operands than the width of the widest."""
MODELS: dict[str, LatencyModel] = {
    "systolic": systolic_s,
    "roofline": roofline_s,
    "table": table_s,
    "fitted": fitted_s,
}
KIND_OF_SECONDS = {
    "systolic": "simulated",
    "roofline": "peak",
    "table": "measured",
    "fitted": "fitted",
}
"""Latency model -> what kind of seconds it gives; of a peak, a lower bound."""


def kind_of_seconds(device: Device) -> str:
    """What kind of seconds a device has; the name of its latency model if that was added."""
    return KIND_OF_SECONDS.get(device.model, device.model)


def timed_by(edge: Device, cloud: Device) -> str:
    """What kind of seconds two devices have, in words."""
    here, there = kind_of_seconds(edge), kind_of_seconds(cloud)
    return f"Seconds: edge {here} ({edge.name}), cloud {there} ({cloud.name})."
