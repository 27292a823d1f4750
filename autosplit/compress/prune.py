"""Prune channels of a network: scored, ordered, sliced, checked, and fit to the whole network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor
from torch.export import ExportedProgram

from autosplit.compress.channel_groups import ChannelUnits, Keep, channel_groups
from autosplit.compress.choose_units import first_within, pruning_order
from autosplit.compress.cost_of_channels import layer_costs, macs_of
from autosplit.compress.live import LiveNetwork, reloaded
from autosplit.compress.refit import Refit, refit
from autosplit.compress.scores.registry import ADDITIVE, UNIT_SCORES
from autosplit.compress.scores.scores import Scored
from autosplit.compress.slicing import check_sliced, masked, sliced
from autosplit.errors import OptionError

SecondsOf = Callable[[LiveNetwork], float]


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
    """

    ratio: float | None = None
    macs: float | None = None
    latency_s: float | None = None
    seconds_of: SecondsOf | None = None
    score: str = "distortion"
    min_channels: int = 1
    is_refit: bool = True
    seed: int = 0


@dataclass(frozen=True)
class Pruned:
    """A pruned network.

    Attributes:
        live: Its operators.
        program: The same as a program of ``torch.export``.
        channels: Channels of the whole network.
        keep: Which units are left.
        error: Largest difference of the sliced from the masked network, of the largest output.
    """

    live: LiveNetwork
    program: ExportedProgram
    channels: ChannelUnits
    keep: Keep
    error: float

    @property
    def kept_channels(self) -> Mapping[str, tuple[int, ...]]:
        """Weight whose channels were pruned -> places of the channels that are left."""
        found = {}
        for slot in self.channels.written:
            stays = self.keep[slot.label]
            if not stays.all():
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
    scores = UNIT_SCORES[goal.score](Scored(live, channels, batches, labels, goal.seed))
    keep = _chosen(live, channels, scores, goal)
    small = sliced(live, channels, keep)
    error = check_sliced(small, masked(live, channels, keep))
    if goal.is_refit:
        refit(Refit(live, small, channels, keep, batches))
    again, program = reloaded(small)
    return Pruned(again, program, channels, keep, error)


def _chosen(live: LiveNetwork, channels: ChannelUnits, scores: object, goal: PruningGoal) -> Keep:
    """Which units are kept for a goal.

    Raises:
        OptionError: It cannot be reached.
    """
    costs = layer_costs(live, channels)
    order = pruning_order(
        channels,
        costs if goal.score in ADDITIVE else (),
        np.asarray(scores),
        goal.min_channels,
    )
    if goal.ratio is not None:
        return order.keep(_count(channels, len(order.units), goal))
    if goal.macs is not None:
        whole = macs_of(costs, np.ones(order.size, bool))
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
