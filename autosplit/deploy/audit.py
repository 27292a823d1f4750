"""A share of the edge's confident answers is checked in the cloud, and the agreement is watched.

The threshold of an escalation was chosen on images of the past.  What a device sees later may
differ, and the edge may then be wrong and sure.  An audit sends some answers of which the edge is
sure to the cloud too, in the background.  Where the rolling agreement falls below a floor,
everything is sent; each answer of which the edge is sure is then compared, at no further cost, and
the edge answers again once the rolling agreement is back at the floor.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from dataclasses import dataclass, field

WINDOW = 100
"""Checked answers that the rolling agreement is counted on: the last ones."""
LEAST_CHECKED = 20
"""Checked answers from which on the agreement is compared with the floor."""


@dataclass
class Audit:
    """What is checked, and what was found.

    Attributes:
        share: Share of the confident answers that are checked, 0..1.
        floor: Least rolling agreement, 0..1, at which the edge answers; None: it always does.
        seed: Of the random choice of what is checked.
        checked: Answers that were checked.
        agreed: Answers of these to which the cloud answered the same.
        lost: Answers that could not be checked, as the server was out of reach or busy.
    """

    share: float = 0.0
    floor: float | None = None
    seed: int = 0
    checked: int = field(default=0, init=False)
    agreed: int = field(default=0, init=False)
    lost: int = field(default=0, init=False)
    _recent: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW), init=False)
    _random: random.Random = field(init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - chooses what is checked

    def chooses(self) -> bool:
        """Whether the next confident answer is checked."""
        return self._random.random() < self.share

    def noted(self, same: bool) -> None:
        """Count an answer that was checked; several threads may."""
        with self._lock:
            self.checked += 1
            self.agreed += same
            self._recent.append(same)

    def missed(self) -> None:
        """Count an answer that could not be checked."""
        with self._lock:
            self.lost += 1

    @property
    def agreement(self) -> float | None:
        """Share of the last checked answers to which the cloud answered the same; None: of none."""
        recent = list(self._recent)
        return sum(recent) / len(recent) if recent else None

    @property
    def sends_all(self) -> bool:
        """Whether the agreement is below the floor."""
        recent = list(self._recent)
        if self.floor is None or len(recent) < LEAST_CHECKED:
            return False
        return sum(recent) < self.floor * len(recent)

    def __str__(self) -> str:
        if not self.checked:
            return "audit: no answer of the edge was checked"
        rolling = f"{100 * (self.agreement or 0):.1f} % of the last {len(self._recent)}"
        lost = f"; {self.lost} could not be checked" if self.lost else ""
        below = ", below the floor: everything is sent" if self.sends_all else ""
        return (
            f"audit: {self.agreed} of {self.checked} checked answers of the edge agree with the "
            f"cloud, {rolling}{below}{lost}"
        )
