"""When to look at a plan that is being measured, and when it has lost: no torch here.

The images are taken in random order and looked at a few times, each time about twice as many as
before.  At each look the drop in accuracy is bounded from below; once the bound passes what is
allowed, the rest of the images could not save the plan.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

Places = npt.NDArray[np.int64]
FIRST = 16
"""Images of the first look at least."""
SHARE = 64
"""The first look takes one image in so many at least."""
CONFIDENCE = 0.95
"""That no look at a plan takes it for lost when it is not."""


def looks(count: int, seed: int, whole: int = 1) -> tuple[Places, ...]:
    """Divide images into the groups that are run one after the other.

    Args:
        count: Number of images, a multiple of ``whole``.
        seed: Of the order.
        whole: Images a group must be a multiple of.

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


@dataclass(frozen=True, slots=True)
class Standing:
    """A plan beside the float network, after some of the images.

    Attributes:
        lost: Images that the float network gets right and the plan does not.
        won: Images that the plan gets right and the float network does not.
        seen: Images run so far.
        total: Images there are.
        hopeful: Images not yet run that the float network gets wrong, which the plan could win.
    """

    lost: int
    won: int
    seen: int
    total: int
    hopeful: int

    def least_drop(self, tests: int) -> float:
        """Bound from below the drop that all images would show, in points.

        The larger of what is certain (all that can be won is won, nothing more is lost) and of the
        difference of two one-sided Clopper-Pearson bounds, on the share lost and the share won
        (Clopper and Pearson 1934).  The error allowed is divided by two for the two shares, and by
        the number of looks (Bonferroni); drawing without replacement only makes it smaller.

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
