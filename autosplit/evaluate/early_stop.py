"""The early stopping rule: when a plan that is being measured has lost, without torch.

The images are run in random order.  The answers are looked at a few times, each time at about
twice as many as before.  At each look ``Standing.least_drop`` bounds the drop in accuracy from
below.  Once the bound passes the drop that is allowed (``must_stop``), the remaining images are not
run; ``trials.py`` has the loop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from autosplit.search.tolerance import keeps_drop

Places = npt.NDArray[np.int64]
"""Numbers of images, from 0, shape (images,)."""
FIRST = 16
"""Least number of images of the first look."""
SHARE = 64
"""The first look takes at least one of so many images."""
CONFIDENCE = 0.95
"""Least probability that no look takes a plan for lost that is not."""


def divide_into_looks(count: int, seed: int, whole: int = 1) -> tuple[Places, ...]:
    """Divide images into the groups that are run one after the other.

    Args:
        count: Number of images, a multiple of ``whole``.
        seed: Seed of the random order.
        whole: Each group must be a multiple of so many images.

    Returns:
        Numbers of the images of each group, ascending; all groups together hold each image once,
        and each, but for the last, doubles what was run before.
    """
    order = np.random.default_rng(seed).permutation(count)
    ends, end = [], -(-max(FIRST, count / SHARE) // whole) * whole
    while end < count:
        ends.append(int(end))
        end *= 2
    return tuple(np.sort(part) for part in np.split(order, ends) if len(part))


def must_stop(least_drop: float | None, max_drop: float) -> bool:
    """Whether the rule stops a plan: the least that it can lose is more than is allowed.

    Args:
        least_drop: Bound from below of the drop over all images, points; None: no bound is known.
        max_drop: Accuracy points that a plan may lose at most.
    """
    return least_drop is not None and not keeps_drop(least_drop, max_drop)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a plan stands beside the float network, after some of the images.

    Attributes:
        lost: Images that the float network gets right and the plan does not.
        won: Images that the plan gets right and the float network does not.
        seen: Images run so far.
        total: Number of images of the evaluation.
        hopeful: Images not yet run that the float network gets wrong, which the plan could win.
    """

    lost: int
    won: int
    seen: int
    total: int
    hopeful: int

    def least_drop(self, tests: int) -> float:
        """Bound from below the drop that all images would show, in points.

        The bound is the larger of two.  One is certain: the plan wins every image that it still can
        win, and loses no more.  The other is the difference of two one-sided Clopper-Pearson bounds
        (Clopper and Pearson 1934), the lower one of the share lost and the upper one of the share
        won.  Their error, 1 - ``CONFIDENCE``, is divided by two for the two shares, and by the
        number of looks (Bonferroni).  Drawing without replacement only makes the error smaller.

        Args:
            tests: How often a plan is looked at before the last image, at least 1.
        """
        certain = (self.lost - self.won - self.hopeful) / self.total
        if not self.seen:
            return 100 * certain
        error = (1 - CONFIDENCE) / (2 * tests)
        low = beta.ppf(error, self.lost, self.seen - self.lost + 1) if self.lost else 0.0
        high = 1.0
        if self.won < self.seen:
            high = beta.ppf(1 - error, self.won + 1, self.seen - self.won)
        return 100 * max(certain, float(low) - float(high))


@dataclass(frozen=True, slots=True)
class MeanStanding:
    """How a plan stands beside the float network where scores of samples are numbers.

    The accuracy is the sum of what the samples score, over the sum of what they can score at most.

    Attributes:
        lost: What the float network scores more than the plan, of each sample seen; may be < 0.
        most: The most that any one sample can score.
        whole: The sum of what all samples can score at most.
        hopeful: What the float network misses in the samples not yet run, which the plan could win.
        total: Number of samples of the evaluation.
    """

    lost: tuple[float, ...]
    most: float
    whole: float
    hopeful: float
    total: int

    def least_drop(self, tests: int) -> float:
        """Bound from below the drop that all samples would show, in points.

        The bound is the larger of two.  One is certain, as in ``Standing``.  The other is the lower
        end of a one-sided interval for the mean of what a sample loses, drawn without replacement
        (Serfling 1974, corollary 1.1); its error is divided by the number of looks (Bonferroni).

        Args:
            tests: How often a plan is looked at before the last sample, at least 1.
        """
        seen = len(self.lost)
        certain = (sum(self.lost) - self.hopeful) / self.whole
        if not seen:
            return 100 * certain
        error = (1 - CONFIDENCE) / tests
        left = 1 - (seen - 1) / self.total
        radius = 2 * self.most * (left * -np.log(error) / (2 * seen)) ** 0.5
        likely = (sum(self.lost) / seen - float(radius)) * self.total / self.whole
        return 100 * max(certain, likely)
