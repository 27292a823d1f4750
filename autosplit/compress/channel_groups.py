"""Which channels of which tensors go together, on the operators of any network.

Each operator has a rule (``layer_rules``, ``movement_rules``) that says what becomes of the numbers
of channels; channels that meet are tied, and what an operator without a rule reads must stay.  The
idea is that of dependency graphs (DepGraph, Fang et al. 2023), channel by channel and on ATen
operators in place of modules.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autosplit.capture.operators import operator_name
from autosplit.compress.live import LiveNetwork
from autosplit.compress.movement_rules import rule_of
from autosplit.compress.units import ChannelLabel
from autosplit.compress.walk import Slot, Walk

Keep = npt.NDArray[np.bool_]
"""Whether each unit is kept, shape (units,)."""


@dataclass(frozen=True)
class ChannelGroup:
    """Units that lie along the same axes of the same parameters.

    Attributes:
        name: Target of the first parameter whose channels they are.
        units: Their numbers, ascending.
        targets: Parameters along which they lie, in order.
    """

    name: str
    units: tuple[int, ...]
    targets: tuple[str, ...]


@dataclass(frozen=True)
class ChannelUnits:
    """The channels of a network in units.

    Attributes:
        free: Whether a unit may be pruned, shape (units,).
        slots: Axes of parameters along which channels lie, labelled by units.
        labels: Node -> label of its tensor by units, a list for several tensors, or None.
        groups: Units that may be pruned, in groups.
        whole: Parameter whose channels must all stay -> why.
    """

    free: Keep
    slots: tuple[Slot, ...]
    labels: Mapping[str, Any]
    groups: tuple[ChannelGroup, ...]
    whole: Mapping[str, str]

    @property
    def channels(self) -> int:
        """Number of channels that layers write."""
        return sum(len(slot.label) for slot in self.written)

    @property
    def free_channels(self) -> int:
        """Number of them that may be pruned."""
        return int(sum(self.free[slot.label].sum() for slot in self.written))

    @property
    def written(self) -> tuple[Slot, ...]:
        """Slots of weights whose channels layers write, one for each weight."""
        slots = (s for s in self.slots if s.role == "write" or (s.role == "along" and s.axis == 0))
        found = {s.target: s for s in slots if s.target.rpartition(".")[2] == "weight"}
        return tuple(found.values())


def channel_groups(live: LiveNetwork) -> ChannelUnits:
    """Find the channels of a network that must be pruned together.

    Args:
        live: The network.
    """
    walk = Walk(live)
    for node in live.module.graph.nodes:
        if node.op == "call_function":
            walk.put(node, rule_of(operator_name(node))(walk, node))
        elif node.op == "output":
            walk.freeze_all(node, "is an output of the network")
    _freeze_other_readers(walk)
    units = _rectangular(walk)
    free = np.ones(int(units.max(initial=-1)) + 1, bool)
    why: dict[int, str] = {}
    for number, reason in walk.ties.frozen.items():
        free[units[number]] = False
        why.setdefault(int(units[number]), reason)
    slots = tuple(
        Slot(slot.target, slot.axis, units[slot.label], slot.role, slot.node) for slot in walk.slots
    )
    labels = {node.name: _mapped(label, units) for node, label in walk.labels.items()}
    whole = {
        slot.target: why[int(slot.label[0])]
        for slot in slots
        if slot.role == "write" and not free[slot.label].any()
    }
    return ChannelUnits(free, slots, labels, _groups(slots, free), whole)


def _mapped(label: Any, units: ChannelLabel) -> Any:
    if isinstance(label, list):
        return [_mapped(one, units) for one in label]
    return None if label is None else units[label]


def _freeze_other_readers(walk: Walk) -> None:
    """Keep the channels of a parameter that something else reads too, and tie those of one axis."""
    readers: Counter[str] = Counter()
    for node in walk.live.module.graph.find_nodes(op="get_attr"):
        readers[str(node.target)] += len(node.users)
    by_axis: dict[tuple[str, int], list[Slot]] = defaultdict(list)
    for slot in walk.slots:
        by_axis[slot.target, slot.axis].append(slot)
    for (target, _), slots in by_axis.items():
        for other in slots[1:]:
            walk.ties.tie(slots[0].label, other.label)
        if len(slots) < readers[target]:
            walk.ties.freeze(slots[0].label, f"{target} has another reader")


def _rectangular(walk: Walk) -> ChannelLabel:
    """Units such that of every tensor the same places along an axis stay at all other places."""
    while True:
        units = walk.ties.units()
        done = True
        for label in _labels_of(walk):
            axes = [axis for axis, size in enumerate(label.shape) if size > 1]
            found = units[label]
            varied = [axis for axis in axes if (found != found.take([0], axis)).any()]
            if len(varied) > 1:
                walk.ties.tie_along(label, varied[0])
                units, done = walk.ties.units(), False
        if done:
            return units


def _labels_of(walk: Walk) -> list[ChannelLabel]:
    found: list[ChannelLabel] = []
    for label in walk.labels.values():
        found += [one for one in (label if isinstance(label, list) else [label]) if one is not None]
    return found


def _groups(slots: tuple[Slot, ...], free: Keep) -> tuple[ChannelGroup, ...]:
    """Units that may be pruned, those of the same places together."""
    places: dict[int, list[int]] = defaultdict(list)
    for number, slot in enumerate(slots):
        for unit in np.unique(slot.label[free[slot.label]]):
            places[int(unit)].append(number)
    together: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for unit, found in places.items():
        together[tuple(found)].append(unit)
    groups = []
    for numbers, units in together.items():
        targets = tuple(dict.fromkeys(slots[number].target for number in numbers))
        groups.append(ChannelGroup(targets[0], tuple(sorted(units)), targets))
    return tuple(groups)


def kept_sizes(label: ChannelLabel, keep: Keep) -> list[int | None]:
    """Length of each axis of a tensor with the kept channels alone; None: as it was.

    Args:
        label: Label of the tensor, by units.
        keep: Which units are kept.
    """
    stays = keep[label]
    sizes: list[int | None] = []
    for axis in range(label.ndim):
        others = tuple(other for other in range(label.ndim) if other != axis)
        count = int(stays.any(axis=others).sum())
        sizes.append(None if count == label.shape[axis] else count)
    return sizes
