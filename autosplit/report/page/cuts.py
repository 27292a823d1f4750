"""Seconds and bytes of every prefix cut with all tensors at one width.

The picture is that of Neurosurgeon (Kang et al., ASPLOS 2017, figures 5 and 6): what an answer
takes on the edge, on the link and in the cloud if the network is cut behind each layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

from autosplit.graph.graph import Cut, Graph
from autosplit.graph.memory import crossing_bytes
from autosplit.hardware.device import Device
from autosplit.hardware.link import Link
from autosplit.hardware.prediction import give_s, take_s, transfer_s
from autosplit.hardware.seconds import layers_s

INPUT_BITS = 8
"""Width at which the network's inputs are sent."""


@dataclass(frozen=True, slots=True)
class CutBars:
    """What each of the L + 1 prefix cuts takes; cut k has the first k layers on the edge.

    Attributes:
        bits: Width of every weight and every layer's output on the edge.
        edge_s, cloud_s: Seconds of the two halves, length L + 1.
        sent_bytes: Bytes that cross, length L + 1.
        link_s: Link -> seconds on it, length L + 1.
    """

    bits: int
    edge_s: tuple[float, ...]
    cloud_s: tuple[float, ...]
    sent_bytes: tuple[int, ...]
    link_s: Mapping[str, tuple[float, ...]]


def cut_bars(
    graph: Graph, edge: Device, cloud: Device, links: Mapping[str, Link], bits: int
) -> CutBars:
    """Predict every prefix cut at one width; the cloud half runs at the cloud device's floats.

    Args:
        graph: The network.
        edge: The edge device.
        cloud: The cloud device.
        links: Link name -> link.
        bits: Width of the edge half.

    Raises:
        LatencyError: A device's model does not know a layer.
    """
    here = layers_s(graph, edge, bits, INPUT_BITS)
    there = layers_s(graph, cloud, cloud.float_bits)
    before = accumulate(here, initial=0.0)
    after = reversed([*accumulate(reversed(there), initial=0.0)])
    widths = graph.widths(
        {**dict.fromkeys(graph.by_name, bits), **dict.fromkeys(graph.inputs, INPUT_BITS)}
    )
    cuts = graph.prefixes()
    edge_s = tuple(s + give_s(cut, edge) for s, cut in zip(before, cuts, strict=True))
    cloud_s = tuple(s + take_s(cut, cloud) for s, cut in zip(after, cuts, strict=True))
    sent = tuple(crossing_bytes(cut, widths) for cut in cuts)
    link_s = {
        name: tuple(
            transfer_s(cut, link, widths, size) for cut, size in zip(cuts, sent, strict=True)
        )
        for name, link in links.items()
    }
    return CutBars(bits, edge_s, cloud_s, sent, link_s)


def prefix_place(cut: Cut) -> tuple[int, bool]:
    """How many layers a cut has on the edge, and whether it is a prefix."""
    count = len(cut.edge)
    return count, cut.edge == cut.graph.prefix(count).edge
