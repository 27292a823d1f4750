"""A confidence interval for an accuracy drop, from the images that only one network gets right.

Both networks are run on the same images, so images on which both are right or both are wrong say
nothing of the drop: the interval is one for paired shares, without torch.
"""

from __future__ import annotations

from math import sqrt

from scipy.stats import norm

INTERVAL_CONFIDENCE = 0.95
"""Of the intervals of accuracies and of drops."""


def drop_interval(lost: int, won: int, seen: int) -> tuple[float, float]:
    """Lower and upper end of the 95 % confidence interval of an accuracy drop, points.

    The adjusted Wald interval of a difference of paired shares (Bonett and Price 2012): one image
    is added to either count, so that the interval has a width even where no image differs.

    Args:
        lost: Images that the float network gets right and the plan does not.
        won: Images that the plan gets right and the float network does not.
        seen: Images that both were run on, at least 1.
    """
    first, second = (lost + 1) / (seen + 2), (won + 1) / (seen + 2)
    spread = float(norm.ppf((1 + INTERVAL_CONFIDENCE) / 2))
    spread *= sqrt((first + second - (first - second) ** 2) / (seen + 2))
    middle = first - second
    return 100 * max(-1.0, middle - spread), 100 * min(1.0, middle + spread)
