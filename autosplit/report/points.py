"""Where plans stand in the figure: places, what is far below or far slower, the best of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from autosplit.errors import counted
from autosplit.report.candidate import Candidate, FloatScore

SLOW = 3.0
"""Times the seconds of the pick from which plans stand at the right border, if they would press
the plans near the pick into less than ``PRESSED`` of the width."""
PRESSED = 0.3
FAR = 20.0
"""Points of accuracy below the float network from which a plan stands at the lower border."""


@dataclass(frozen=True)
class Points:
    """What is drawn.

    Attributes:
        candidates: Plans over one link or more.
        title: Network and hardware.
        float_score: What the float network scored; None: distortion is drawn, not accuracy.
        far_points: Points below the float network from which a plan stands at the border.
        picked_s: Link -> seconds of its pick; there slow plans may stand at the right border.
    """

    candidates: Sequence[Candidate]
    title: str
    float_score: FloatScore | None = None
    far_points: float = FAR
    picked_s: Mapping[str, float] = field(default_factory=dict)

    @property
    def links(self) -> list[str]:
        """Names of the links, one panel each."""
        return list(dict.fromkeys(one.link for one in self.candidates))

    @property
    def label(self) -> str:
        """What the vertical axis is, with its unit."""
        score = self.float_score
        if score is None:
            return "distortion (lower is better)"
        return f"{score.metric} on {counted(score.images, 'sample')} (%)"

    @cached_property
    def floor(self) -> float:
        """Height of plans that lose so much accuracy that all others would be pressed together."""
        if self.float_score is None:
            return -math.inf
        best = 100 * self.float_score.accuracy
        known = [best, *(100 * one.accuracy for one in self.candidates if one.accuracy is not None)]
        near = [value for value in known if value > best - self.far_points]
        return min(near) - 0.15 * max(max(near) - min(near), 1.0)

    def far(self, one: Candidate) -> bool:
        """Whether a plan that has a value stands at the lower border."""
        value = self.value(one)
        return value is not None and value < self.floor

    @cached_property
    def ceilings(self) -> dict[str, float]:
        """Link -> milliseconds at which slower plans stand; only where they would press others."""
        found = {}
        for link, picked_s in self.picked_s.items():
            every = [1e3 * one.latency_s for one in self.over(link)]
            near = [value for value in every if value <= SLOW * 1e3 * picked_s]
            least, most = min(every), max(every)
            if near and most > least and max(near) < most:
                wide = math.log(max(near) / least)
                if wide < PRESSED * math.log(most / least):
                    found[link] = max(near) + max(0.15 * (max(near) - least), 0.02 * max(near))
        return found

    def slow(self, one: Candidate) -> bool:
        """Whether a plan stands at the right border."""
        return 1e3 * one.latency_s > self.ceilings.get(one.link, math.inf)

    def over(self, link: str) -> list[Candidate]:
        """Plans over a link that have a value."""
        own = (one for one in self.candidates if one.link == link)
        return [one for one in own if self.value(one) is not None]

    def value(self, one: Candidate) -> float | None:
        """Height of a plan: accuracy in percent or distortion; None if it was not measured."""
        if self.float_score is None:
            return one.plan.distortion
        return None if one.accuracy is None else 100 * one.accuracy

    def place(self, one: Candidate) -> tuple[float, float]:
        """Milliseconds and height of a plan that has a value."""
        value = self.value(one)
        assert value is not None
        across = min(1e3 * one.latency_s, self.ceilings.get(one.link, math.inf))
        return across, max(value, self.floor)

    def front(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Plans that are better than every faster one, by latency."""
        sign = 1.0 if self.float_score is None else -1.0
        ordered = sorted(
            candidates, key=lambda one: (one.latency_s, sign * self.place(one)[1], one.plan.name)
        )
        front: list[Candidate] = []
        for one in ordered:
            if not front or sign * self.place(one)[1] < sign * self.place(front[-1])[1]:
                front.append(one)
        return front


def far_points_of(max_drop: float) -> float:
    """Points below the float network that are drawn: five times the allowed drop, at least 2.

    Args:
        max_drop: Accuracy points that a pick may lose at most, infinite if that is not limited.
    """
    return min(max(5 * max_drop, 2.0), FAR)
