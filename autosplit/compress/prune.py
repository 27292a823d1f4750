"""Prune a network: scored, ordered, sliced, checked, and fit to the whole network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor
from torch.export import ExportedProgram

from autosplit.compress.channel_groups import ChannelUnits, Keep, channel_groups
from autosplit.compress.choose_units import KeptByCount, first_within, pruning_order
from autosplit.compress.cost_of_channels import LayerCost, layer_costs, macs_of
from autosplit.compress.live import LiveNetwork, reloaded
from autosplit.compress.named_prunings import (
    NAMED,
    SlotScores,
    count_below,
    is_division,
    read_by,
    threshold_order,
)
from autosplit.compress.refit import Refit, refit
from autosplit.compress.residual_blocks import (
    AddedBranch,
    answer_change,
    residual_blocks,
    scale_of,
    without_blocks,
)
from autosplit.compress.scores.registry import ADDITIVE, UNIT_SCORES
from autosplit.compress.scores.scores import Scored
from autosplit.compress.scores.slimming import norm_scales
from autosplit.compress.slicing import check_sliced, masked, sliced
from autosplit.errors import OptionError, counted

SecondsOf = Callable[[LiveNetwork], float]
GREEDY = "greedy"
"""The pruning that takes the least loss for each MAC first."""


@dataclass(frozen=True)
class PruningGoal:
    """How much is pruned, and how it is chosen.

    Attributes:
        ratio: Share of the channels that may go; None for another goal.
        macs: MACs that are left, up to 1 a share of those before.
        latency_s: Seconds that the pruned network may take.
        seconds_of: Predicts these seconds.
        score: Name of a score.
        min_channels: Channels that every layer keeps at least.
        is_refit: Whether the pruned network is fit to the whole one.
        seed: Seed of random choices.
        method: ``greedy``, or a name of ``NAMED``.
        percent: Share of the scores that lie below the threshold of a named pruning.
        blocks: Residual blocks that go.
        multiple: What ``regular`` makes the number of channels that stay a multiple of.
        whole_divisions: Whether channels stay that are divided into parts, whose sizes a file of
            the network cannot say one by one.
    """

    ratio: float | None = None
    macs: float | None = None
    latency_s: float | None = None
    seconds_of: SecondsOf | None = None
    score: str = "distortion"
    min_channels: int = 1
    is_refit: bool = True
    seed: int = 0
    method: str = GREEDY
    percent: float | None = None
    blocks: int | None = None
    multiple: int = 8
    whole_divisions: bool = False


@dataclass(frozen=True)
class Pruned:
    """A pruned network.

    Attributes:
        live: Its operators.
        program: The same as a program of ``torch.export``.
        channels: Channels of the whole network.
        keep: Which units are left.
        error: Largest difference of the sliced from the masked network, of the largest output.
        dropped: Residual blocks that went.
    """

    live: LiveNetwork
    program: ExportedProgram
    channels: ChannelUnits
    keep: Keep
    error: float
    dropped: tuple[AddedBranch, ...] = ()

    @property
    def kept_channels(self) -> Mapping[str, tuple[int, ...]]:
        """Weight whose channels were pruned -> places of the channels that are left."""
        found = {}
        for slot in self.channels.written:
            stays = self.keep[slot.label]
            if not stays.all() and slot.target in self.live.tensors:
                found[slot.target] = tuple(int(place) for place in np.flatnonzero(stays))
        return found


def prune(
    live: LiveNetwork,
    goal: PruningGoal,
    batches: Sequence[tuple[Tensor, ...]],
    labels: Sequence[Tensor] | None = None,
) -> Pruned:
    """Prune a network.

    Args:
        live: The network; it is left as it was.
        goal: How much is pruned.
        batches: Calibration samples.
        labels: Class of each of them; None without labels.

    Raises:
        OptionError: Nothing may be pruned, or the goal cannot be reached.
        CaptureError: The sliced network is not what the masked one is.
    """
    channels = channel_groups(live)
    if not channels.groups:
        why = next(iter(channels.whole.values()), "there are no channels")
        raise OptionError(
            f"{live.name}: must have channels that may be pruned, has none; the first {why}"
        )
    if goal.whole_divisions:
        free = channels.free & ~read_by(live, channels, is_division)
        channels = replace(channels, free=free)
    scored = Scored(live, channels, batches, labels, goal.seed)
    keep = np.ones(len(channels.free), bool)
    if goal.method == GREEDY:
        keep = _greedy(scored, goal)
    elif NAMED[goal.method].channels:
        keep = _below_threshold(scored, goal)
    small = sliced(live, channels, keep)
    error = check_sliced(small, masked(live, channels, keep))
    dropped: tuple[AddedBranch, ...] = ()
    if goal.method != GREEDY and NAMED[goal.method].blocks:
        dropped = _least_blocks(scored, small, goal)
        small = without_blocks(small, dropped)
    if goal.is_refit:
        refit(Refit(live, small, channels, keep, batches))
    again, program = reloaded(small)
    return Pruned(again, program, channels, keep, error, dropped)


def _greedy(scored: Scored, goal: PruningGoal) -> Keep:
    """Which units are kept where the least worth goes first."""
    channels = scored.channels
    costs = layer_costs(scored.live, channels)
    order = pruning_order(
        channels,
        costs if goal.score in ADDITIVE else (),
        UNIT_SCORES[goal.score](scored),
        goal.min_channels,
    )
    if goal.ratio is not None:
        return order.keep(_count(channels, len(order.units), goal))
    return _first_within(scored, order, costs, goal)


def _below_threshold(scored: Scored, goal: PruningGoal) -> Keep:
    """Which units are kept by a named pruning."""
    costs = layer_costs(scored.live, scored.channels)
    order = threshold_order(
        scored.live,
        scored.channels,
        goal.method,
        _slot_scores(scored, costs, goal.score),
        goal.min_channels,
        goal.multiple,
    )
    if goal.percent is not None:
        return order.keep(count_below(order, goal.percent))
    return _first_within(scored, order, costs, goal)


def _slot_scores(scored: Scored, costs: tuple[LayerCost, ...], name: str) -> SlotScores:
    """Score of each channel of each layer: of its batch norm, or of the unit that it belongs to."""
    if name == "bn-gamma":
        return norm_scales(scored)
    scores = UNIT_SCORES[name](scored)
    if name in ADDITIVE:
        taken = np.zeros(len(scores))
        for cost in costs:
            cost.share(np.ones(len(scores), bool), taken)
        scores = scores / np.maximum(taken, 1.0)
    slots = [slot for slot in scored.channels.written if slot.role == "write"]
    return [(slot, scores[slot.label]) for slot in slots]


def _first_within(
    scored: Scored, order: KeptByCount, costs: tuple[LayerCost, ...], goal: PruningGoal
) -> Keep:
    """Prune the least that reaches a number of MACs or of seconds.

    Raises:
        OptionError: It cannot be reached.
    """
    live, channels = scored.live, scored.channels
    if goal.macs is not None:
        whole = macs_of(costs, np.ones(len(channels.free), bool))
        most = goal.macs * whole if goal.macs <= 1 else goal.macs
        return first_within(order, lambda keep: macs_of(costs, keep) <= most, "--target-macs")
    assert goal.seconds_of is not None
    assert goal.latency_s is not None
    seconds_of, most_s = goal.seconds_of, goal.latency_s
    return first_within(
        order,
        lambda keep: seconds_of(sliced(live, channels, keep)) <= most_s,
        f"--target-latency: {1e3 * most_s:g} ms",
    )


def _least_blocks(scored: Scored, small: LiveNetwork, goal: PruningGoal) -> tuple[AddedBranch, ...]:
    """The residual blocks that go, in the order of the network.

    Raises:
        OptionError: There are not so many.
    """
    blocks, count = residual_blocks(small), goal.blocks or 0
    if count > len(blocks):
        raise OptionError(
            f"--blocks: {small.name} has {counted(len(blocks), 'residual block')} that may go, "
            f"got {count}"
        )
    by_scale = goal.score == "bn-gamma" and all(block.scales for block in blocks)
    score = {
        block: scale_of(small, block) if by_scale else answer_change(small, block, scored.batches)
        for block in blocks
    }
    least = sorted(blocks, key=score.__getitem__)[:count]
    return tuple(block for block in blocks if block in least)


def _count(channels: ChannelUnits, most: int, goal: PruningGoal) -> int:
    """Units that a ratio asks for.

    Raises:
        OptionError: It asks for too many.
    """
    free = int(channels.free.sum())
    count = round((goal.ratio or 0.0) * free)
    if count > most:
        raise OptionError(
            f"--ratio: sparsity too high, {count} of {free} channels would go and at most {most} "
            f"may while every layer keeps {goal.min_channels}; ask for {most / free:.2g} or less"
        )
    return count
