"""Joules of an answer on the edge device: computing, memory traffic, and bytes on the link.

    E = active_w x seconds of the edge half
        + sum over its layers of (MACs x mac_j at the widest operand + bytes moved x byte_j)
        + bytes on the link x radio_byte_j

A profile says those of the numbers that are known: watts as a meter shows them while the device
computes, or joules of operations as tables of a chip's technology list them (Horowitz, ISSCC 2014,
figure 1.1.9).  What is not known is not counted as zero: the energy is then unknown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from autosplit.graph.bit_counts import input_bits
from autosplit.graph.graph import Graph
from autosplit.graph.layer import Layer
from autosplit.hardware.device import Device
from autosplit.hardware.link import Link
from autosplit.hardware.traffic import traffic_bits


def knows_energy(device: Device) -> bool:
    """Whether the profile of a device has any number on energy."""
    return bool(device.active_w or device.mac_j or device.byte_j)


def products_j(layer: Layer, device: Device, bits: int) -> float:
    """Joules of a layer's multiply-accumulates, of the narrowest listed width that holds them.

    Args:
        layer: The layer.
        device: Where it runs.
        bits: Width of its widest operand.

    Returns:
        Infinite where every listed width is narrower.
    """
    if not layer.macs or not device.mac_j:
        return 0.0
    joules = (each for width, each in device.mac_j.items() if width >= bits)
    return layer.macs * min(joules, default=math.inf)


def tail_j(graph: Graph, device: Device, name: str) -> float:
    """Joules of the products and the traffic of a graph's tail, in floats, if it follows a layer.

    Args:
        graph: The graph.
        device: Where the tail runs.
        name: Name of the layer.
    """
    if graph.tail is None or graph.tail.after != name:
        return 0.0
    behind = graph.tail.graph
    widths = dict.fromkeys(behind.tensors, device.float_bits)
    each = (layer_j(one, behind, device, device.float_bits, widths) for one in behind.layers)
    return sum(each, 0.0)


def layer_j(
    layer: Layer,
    graph: Graph,
    device: Device,
    weight_bits: int,
    activation_bits: Mapping[str, int],
) -> float:
    """Joules of one layer's products and traffic, without those of the power while it computes.

    Args:
        layer: The layer.
        graph: The graph that it belongs to.
        device: Where it runs.
        weight_bits: Width of its weight; ignored without one.
        activation_bits: Tensor -> width, for its inputs and its output.

    Raises:
        LatencyError: A tensor has no width.
    """
    weight = weight_bits if layer.weight_elements else 0
    operand = max(weight, input_bits(graph, layer, activation_bits))
    moved = traffic_bits(layer, graph, weight_bits, activation_bits) / 8
    own = products_j(layer, device, operand) + device.byte_j * moved
    return own + tail_j(graph, device, layer.name)


def radio_j(link: Link, carried: float) -> float:
    """Joules of the edge device for bytes on a link; infinite if some are, and it is not known.

    >>> radio_j(Link(name="l", source="doc", uplink_bps=1.0e6, radio_byte_j=2.0e-6), 500)
    0.001
    """
    if not carried:
        return 0.0
    return math.inf if link.radio_byte_j is None else link.radio_byte_j * carried
