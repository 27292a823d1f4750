"""Multiply-accumulates of a network by the channels that it keeps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autosplit.capture.operators import arguments, is_call, operator_name
from autosplit.compress.channel_groups import ChannelUnits, Keep
from autosplit.compress.layer_rules import LAYER_RULES
from autosplit.compress.live import LiveNetwork
from autosplit.compress.units import ChannelLabel
from autosplit.compress.walk import shape_of


@dataclass(frozen=True)
class LayerCost:
    """MACs of a layer are ``each`` x channels read x channels written.

    Attributes:
        each: MACs of one channel read for one written, for one sample.
        read: Units of the channels that are summed over; None: ``reads`` of them, always.
        reads: Number of channels that are summed over.
        written: Units of the channels that are written; None: ``writes`` of them, always.
        writes: Number of channels that are written.
    """

    each: float
    read: ChannelLabel | None
    reads: int
    written: ChannelLabel | None
    writes: int

    def macs(self, keep: Keep) -> float:
        """MACs for one sample."""
        read = self.reads if self.read is None else int(keep[self.read].sum())
        written = self.writes if self.written is None else int(keep[self.written].sum())
        return self.each * read * written

    def share(self, keep: Keep, into: npt.NDArray[np.float64]) -> None:
        """Add to every unit the MACs that it alone takes."""
        read = self.reads if self.read is None else int(keep[self.read].sum())
        written = self.writes if self.written is None else int(keep[self.written].sum())
        if self.read is not None:
            np.add.at(into, self.read, self.each * written)
        if self.written is not None:
            np.add.at(into, self.written, self.each * read)


def layer_costs(live: LiveNetwork, channels: ChannelUnits) -> tuple[LayerCost, ...]:
    """MACs of the convolutions and linear layers of a network, by its channels."""
    found = []
    slots = {(slot.node, slot.role): slot.label for slot in channels.slots if slot.role == "read"}
    for node in live.calls:
        name = operator_name(node)
        if name not in LAYER_RULES or "norm" in name:
            continue
        call = arguments(node)
        shape, out = shape_of(call["weight"]), shape_of(node)
        batch = shape_of(call["input"])[0]
        label = channels.labels.get(node.name)
        written = None if label is None else label.reshape(-1)
        read = slots.get((node.name, "read"))
        if is_call(node, "linear"):
            places = math.prod(out[:-1]) / batch
            found.append(LayerCost(places, read, shape[1], written, shape[0]))
            continue
        groups, transposed = int(call["groups"]), "transpose" in name
        axis = len(out) - len(shape) + 1
        source = shape_of(call["input"]) if transposed else out
        places = math.prod(source[axis + 1 :]) * math.prod(shape[2:])
        reads = shape[0] // groups if transposed else shape[1]
        writes = shape[1] * groups if transposed else shape[0]
        found.append(LayerCost(places, read, reads, written, writes))
    return tuple(found)


def macs_of(costs: tuple[LayerCost, ...], keep: Keep) -> int:
    """MACs of all layers for one sample."""
    return round(sum(cost.macs(keep) for cost in costs))
