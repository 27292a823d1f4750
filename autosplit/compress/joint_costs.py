"""What channels and bits cost together: the problem that ``search.joint`` solves, measured.

Of every group of channels the least scored units go first.  What a group costs at a kept share is
measured: the network without those units is fit to the whole one on some calibration samples, and
the divergence of its answers is counted on others, in the unit of the search's distortions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from autosplit.capture.program import Program
from autosplit.compress.channel_groups import ChannelUnits, Keep
from autosplit.compress.fit import distillation_loss
from autosplit.compress.live import LiveNetwork
from autosplit.compress.refit import Refit, refit
from autosplit.compress.scores.scores import UnitScores
from autosplit.compress.slicing import sliced
from autosplit.compress.units import ChannelLabel
from autosplit.errors import OptionError
from autosplit.graph.layer import FIXED_BITS
from autosplit.graph.memory import packed_bytes
from autosplit.grid.grid import DEFAULT_WIDTHS
from autosplit.search.joint import (
    ChannelCount,
    JointLayer,
    JointProblem,
    JointTensor,
    KeptChannels,
)
from autosplit.stats.stats import Role, Stats

KEPT_SHARES = (1.0, 0.75, 0.5, 0.375, 0.25)
"""Shares of a group's channels that may stay."""
_INPUT_BITS = 8
CalibrationBatches = Sequence[tuple[Tensor, ...]]


@dataclass(frozen=True)
class RankedGroups:
    """Groups of channels with their units in the order in which they go.

    Attributes:
        channels: Channels of the network.
        order: Name of a group -> its units, the first to go first.
    """

    channels: ChannelUnits
    order: Mapping[str, tuple[int, ...]]

    def keep(self, kept: Mapping[str, int]) -> Keep:
        """What stays where groups keep so many channels; all of the others."""
        found = np.ones(len(self.channels.free), bool)
        for name, count in kept.items():
            units = self.order[name]
            found[list(units[: len(units) - count])] = False
        return found


def ranked_groups(channels: ChannelUnits, scores: UnitScores) -> RankedGroups:
    """Rank the units of each group by score."""
    order = {
        group.name: tuple(sorted(group.units, key=lambda unit: float(scores[unit])))
        for group in channels.groups
    }
    return RankedGroups(channels, order)


def group_choices(
    live: LiveNetwork,
    ranked: RankedGroups,
    fitted: CalibrationBatches,
    counted: CalibrationBatches,
    shares: Sequence[float] = KEPT_SHARES,
) -> dict[str, list[KeptChannels]]:
    """Measure what each group costs at each kept share.

    Args:
        live: The network.
        ranked: Its groups.
        fitted: Samples that the pruned network is fit to.
        counted: Samples that its divergence is counted on.
        shares: Shares that may stay; the first is all.
    """
    found: dict[str, list[KeptChannels]] = {}
    for name, units in ranked.order.items():
        counts = dict.fromkeys(max(round(share * len(units)), 1) for share in shares)
        found[name] = []
        for count in counts:
            harm = 0.0
            if count < len(units):
                small = fit_pruned(live, ranked, {name: count}, fitted)
                harm = divergence(live, small, counted)
            found[name].append(KeptChannels(count, harm))
    return found


def fit_pruned(
    live: LiveNetwork, ranked: RankedGroups, kept: Mapping[str, int], batches: CalibrationBatches
) -> LiveNetwork:
    """The network with so many channels of each group, fit to the whole one."""
    keep = ranked.keep(kept)
    small = sliced(live, ranked.channels, keep)
    refit(Refit(live, small, ranked.channels, keep, batches))
    return small


def divergence(live: LiveNetwork, small: LiveNetwork, batches: CalibrationBatches) -> float:
    """Mean divergence of a network's answers from those of the whole one."""
    total, samples = 0.0, 0
    with torch.no_grad():
        for inputs in batches:
            loss = distillation_loss(small.module(*inputs), live.module(*inputs))
            total += float(loss) * len(inputs[0])
            samples += len(inputs[0])
    return total / max(samples, 1)


def joint_problem(
    program: Program,
    stats: Stats,
    ranked: RankedGroups,
    choices: Mapping[str, Sequence[KeptChannels]],
    limit_bytes: int,
) -> JointProblem:
    """The problem of kept channels and widths for a network that is all on the edge.

    Args:
        program: The captured network.
        stats: What was measured of it.
        ranked: Its groups of channels.
        choices: What each group may keep.
        limit_bytes: Memory of the edge half.

    Raises:
        OptionError: A layer or a tensor has channels of several groups.
    """
    graph = program.graph
    cut = graph.prefix(len(graph.layers))
    slots: dict[tuple[str, str], ChannelLabel] = {}
    for slot in ranked.channels.slots:
        role = "read" if slot.role == "read" else "write"
        slots[slot.target, role] = slot.label
    layers = []
    for name in cut.weights:
        layer, shape = graph.by_name[name], program.weight(name).shape
        read, written = (
            _count(slots.get((f"{name}.weight", role)), size, ranked, name)
            for role, size in (("read", shape[1]), ("write", shape[0]))
        )
        taps = layer.weight_elements // (shape[0] * shape[1])
        fixed = layer.fixed_elements // shape[0]
        known = _distortions(stats, name, "weight")
        layers.append(JointLayer(name, taps, read, written, fixed, known))
    tensors = [_tensor(program, name, ranked, stats) for name in cut.edge_tensors]
    others = [layer for layer in graph.layers if layer.name not in cut.weights]
    kept_bytes = packed_bytes(sum(layer.fixed_elements for layer in others), FIXED_BITS)
    return JointProblem(choices, layers, tensors, cut.live, limit_bytes - kept_bytes)


def _tensor(program: Program, name: str, ranked: RankedGroups, stats: Stats) -> JointTensor:
    graph, label = program.graph, ranked.channels.labels.get(program.nodes[name])
    size = 1 if label is None else label.size
    channels = _count(None if label is None else label.reshape(-1), size, ranked, name)
    widths: Mapping[int, float] = {graph.width(name, _INPUT_BITS): 0.0}
    if name not in graph.inputs and name not in graph.integers:
        widths = _distortions(stats, name, "activation")
    return JointTensor(name, graph.elements(name) // size, channels, widths)


def _distortions(stats: Stats, name: str, role: Role) -> Mapping[int, float]:
    return {bits: stats.distortions[name, role, bits].distortion for bits in DEFAULT_WIDTHS}


def _count(label: ChannelLabel | None, size: int, ranked: RankedGroups, where: str) -> ChannelCount:
    """Channels by what a group keeps.

    Raises:
        OptionError: They are of several groups.
    """
    if label is None:
        return ChannelCount(always=size)
    owner = {unit: name for name, units in ranked.order.items() for unit in units}
    names = Counter(owner.get(int(unit), "") for unit in label)
    always = names.pop("", 0)
    if len(names) > 1:
        raise OptionError(
            f"{where}: must have channels of one group to be searched with its bits, has those of "
            f"{', '.join(sorted(names))}"
        )
    if not names:
        return ChannelCount(always=always)
    ((name, count),) = names.items()
    return ChannelCount(name, count // len(ranked.order[name]), always)
