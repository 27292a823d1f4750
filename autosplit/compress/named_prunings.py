"""Six prunings by their names: one threshold for all layers, or whole residual blocks by score.

| name | channels that go | residual sums |
| --- | --- | --- |
| ``normal`` | those below the threshold | their channels stay |
| ``shortcut`` | those below the threshold | joined channels go by their first layer |
| ``slim`` | those below the threshold, but a hundredth of each layer stays | joined channels stay if one layer keeps them |
| ``regular`` | as ``normal``, but the number that stays is a multiple | their channels stay |
| ``layer`` | none, whole residual blocks go | |
| ``layer-channel`` | as ``slim``, then whole blocks | as ``slim`` |

The threshold is the quantile of all channels' scores (Network Slimming, Liu et al. 2017, section
3.2).  ``normal`` and ``regular`` also keep what upsampling, pyramids of pooling, divisions and
depthwise convolutions read.
"""  # noqa: E501 - a table

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from torch import fx

from autosplit.capture.operators import KINDS, arguments, operator_name
from autosplit.compress.channel_groups import ChannelUnits, Keep
from autosplit.compress.live import LiveNetwork
from autosplit.compress.slicing import DIVISIONS
from autosplit.compress.walk import Slot, shape_of
from autosplit.errors import OptionError

SlotScores = Sequence[tuple[Slot, npt.NDArray[np.float64]]]
"""Slots of layers in order, and a score of each of their channels."""
LAYER_KEEP = 0.01
"""Share of a layer's channels that ``slim`` keeps."""


@dataclass(frozen=True, slots=True)
class NamedPruning:
    """What a pruning does.

    Attributes:
        joined: Which score counts where a unit lies in several layers: that of the ``first``
            layer, or the ``highest``; ``stay``: channels of residual sums stay.
        floor: Share of a layer's channels that stays.
        rounds: Whether the number that stays is rounded up to a multiple.
        channels: Whether channels go.
        blocks: Whether whole residual blocks go.
    """

    joined: Literal["stay", "first", "highest"]
    floor: float = 0.0
    rounds: bool = False
    channels: bool = True
    blocks: bool = False


@dataclass(frozen=True)
class ThresholdOrder:
    """What stays by how many scores lie below the threshold.

    Attributes:
        name: Name of the pruning.
        channels: Channels of the network.
        scores: Scores of the channels that may go.
        min_channels: Channels that every layer keeps.
        multiple: What the number that stays is a multiple of; 1 for any number.
    """

    name: str
    channels: ChannelUnits
    scores: SlotScores
    min_channels: int = 1
    multiple: int = 1

    @property
    def sorted(self) -> npt.NDArray[np.float64]:
        """All scores, ascending."""
        parts = [values for _, values in self.scores]
        return np.sort(np.concatenate([*parts, np.zeros(0)]))

    @property
    def most(self) -> int:
        """Most scores that may lie below the threshold while no layer loses too much."""
        if NAMED[self.name].floor or self.multiple > 1:
            return len(self.sorted)
        limits = [np.inf]
        unit_score = self._units()
        for slot in self.channels.written:
            values = np.sort(unit_score[slot.label])
            limits.append(values[-min(self.min_channels, len(values))])
        return int(np.searchsorted(self.sorted, min(limits), side="left"))

    def keep(self, count: int) -> Keep:
        """What stays when so many scores lie below the threshold."""
        every = self.sorted
        threshold = every[count] if count < len(every) else np.inf
        found = np.asarray(self._units() >= threshold)
        for slot in self.channels.written:
            self._refill(found, slot)
        return found

    def _refill(self, keep: Keep, slot: Slot) -> None:
        """Keep more of a layer's channels, up to its floor or a multiple."""
        size, stays = len(slot.label), int(keep[slot.label].sum())
        least = stays
        if NAMED[self.name].floor:
            least = max(stays, self.min_channels, math.ceil(NAMED[self.name].floor * size))
        if self.multiple > 1:
            least = max(math.ceil(stays / self.multiple) * self.multiple, self.multiple)
        if least > stays:
            score = np.where(keep[slot.label], np.inf, self._units()[slot.label])
            keep[slot.label[np.argsort(-score, kind="stable")[: min(least, size)]]] = True

    def _units(self) -> npt.NDArray[np.float64]:
        """Score of each unit; infinite for those that stay."""
        found = np.full(len(self.channels.free), np.nan)
        first = NAMED[self.name].joined == "first"
        for slot, values in self.scores:
            before = found[slot.label]
            known = ~np.isnan(before)
            found[slot.label] = np.where(
                known, before if first else np.fmax(before, values), values
            )
        return np.where(np.isnan(found) | ~self.channels.free, np.inf, found)


def threshold_order(
    live: LiveNetwork,
    channels: ChannelUnits,
    name: str,
    scores: SlotScores,
    min_channels: int = 1,
    multiple: int = 8,
) -> ThresholdOrder:
    """Order the channels that a named pruning may take.

    Args:
        live: The network.
        channels: Its channels.
        name: A name of ``NAMED`` that prunes channels.
        scores: Scores of channels, by layer in order.
        min_channels: Channels that every layer keeps.
        multiple: What ``regular`` makes the number that stays a multiple of.

    Raises:
        OptionError: No channel may go.
    """
    stay = ~channels.free
    if NAMED[name].joined == "stay":
        stay = stay | read_by(live, channels, _kept_by_name)
    left = []
    for slot, values in scores:
        may = ~stay[slot.label]
        if may.any():
            part = Slot(slot.target, slot.axis, slot.label[may], slot.role, slot.node)
            left.append((part, values[may]))
    if not left:
        raise OptionError(
            f"--method {name}: must have channels that may go, {live.name} has none; take another "
            "method or --score"
        )
    rounds = multiple if NAMED[name].rounds else 1
    return ThresholdOrder(name, channels, left, min_channels, rounds)


def count_below(order: ThresholdOrder, percent: float) -> int:
    """How many scores a share of all is.

    Raises:
        OptionError: A layer would be left without channels; says which share leaves none so.
    """
    count = int(percent * len(order.sorted))
    if count > order.most:
        share = order.most / len(order.sorted)
        keep = order.keep(count)
        layer = min(order.channels.written, key=lambda slot: int(keep[slot.label].sum()))
        raise OptionError(
            f"--percent: sparsity too high, {layer.target} would keep "
            f"{int(keep[layer.label].sum())} of {len(layer.label)} channels, at most "
            f"{math.floor(1000 * share) / 1000:g} is possible; ask for less, take --method slim, "
            "which keeps some of each layer, or train with --sparse first"
        )
    return count


def read_by(live: LiveNetwork, channels: ChannelUnits, reads: Callable[[fx.Node], bool]) -> Keep:
    """Units of the tensors that some operators read.

    Args:
        live: The network.
        channels: Its channels.
        reads: Which operators.
    """
    found = np.zeros(len(channels.free), bool)
    for node in live.calls:
        if reads(node):
            for source in node.all_input_nodes:
                label = channels.labels.get(source.name)
                if label is not None and not isinstance(label, list):
                    found[np.unique(label)] = True
    return found


def is_division(node: fx.Node) -> bool:
    """Whether an operator divides a tensor into parts, or takes one."""
    return operator_name(node) in (*DIVISIONS, "slice", "narrow")


def _kept_by_name(node: fx.Node) -> bool:
    """Whether ``normal`` and ``regular`` keep the channels that an operator reads."""
    kind, sources = KINDS.get(operator_name(node)), node.all_input_nodes
    tensors = [source for source in sources if source.op != "get_attr"]
    if kind == "conv":
        call = arguments(node)
        return int(call["groups"]) == shape_of(call["input"])[1] > 1
    is_sum = kind == "add" and len(tensors) > 1
    is_pyramid = kind == "max_pool" and _is_pyramid(arguments(node))
    return is_sum or is_pyramid or kind == "upsample" or is_division(node)


def _is_pyramid(call: Mapping[str, Any]) -> bool:
    """Whether a pooling keeps the size of maps, as those of a spatial pyramid do."""
    sizes = [call.get("kernel_size") or 0, call.get("stride") or call.get("kernel_size") or 0]
    window, stride = (max(one) if isinstance(one, list | tuple) else one for one in sizes)
    return bool(stride == 1 and window > 2)


NAMED: dict[str, NamedPruning] = {
    "normal": NamedPruning("stay"),
    "shortcut": NamedPruning("first"),
    "slim": NamedPruning("highest", LAYER_KEEP),
    "regular": NamedPruning("stay", rounds=True),
    "layer": NamedPruning("stay", channels=False, blocks=True),
    "layer-channel": NamedPruning("highest", LAYER_KEEP, blocks=True),
}
"""Name of a pruning -> what it does."""
