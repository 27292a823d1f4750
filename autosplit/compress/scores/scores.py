"""The registry of scores, and what they are computed from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from autosplit.compress.channel_groups import ChannelUnits
from autosplit.compress.live import LiveNetwork
from autosplit.compress.walk import Slot

UnitScores = npt.NDArray[np.float64]
"""How much is lost without each unit, shape (units,); never negative."""


@dataclass(frozen=True)
class Scored:
    """What a score is computed from.

    Attributes:
        live: The network.
        channels: Its channels.
        batches: Calibration samples, inputs of the network.
        labels: Class of each sample of each batch; None without labels.
        seed: Seed of random choices.
    """

    live: LiveNetwork
    channels: ChannelUnits
    batches: Sequence[tuple[Tensor, ...]] = ()
    labels: Sequence[Tensor] | None = None
    seed: int = 0

    def rows(self, slot: Slot) -> npt.NDArray[np.float64]:
        """Weights of each channel along a slot, shape (C, K)."""
        value = self.live.value(slot.target).detach().movedim(slot.axis, 0)
        found: npt.NDArray[np.float64] = value.reshape(len(value), -1).double().numpy()
        return found

    def per_unit(self, parts: Sequence[tuple[Slot, npt.NDArray[np.float64]]]) -> UnitScores:
        """Mean over all places of a unit of numbers by channel; NaN for a unit without any."""
        units = len(self.channels.free)
        total, count = np.zeros(units), np.zeros(units)
        for slot, numbers in parts:
            np.add.at(total, slot.label, numbers)
            np.add.at(count, slot.label, 1)
        with np.errstate(invalid="ignore"):
            return total / count

    def relative(self, scores: UnitScores) -> UnitScores:
        """Scores over the mean of their group, so that layers of any scale can be compared."""
        found = scores.copy()
        for group in self.channels.groups:
            units = np.array(group.units)
            mean = np.nanmean(scores[units]) if not np.isnan(scores[units]).all() else 0.0
            found[units] = scores[units] / mean if mean > 0 else 0.0
        return found


UnitScore = Callable[[Scored], UnitScores]
