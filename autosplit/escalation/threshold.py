"""From which confidence on the edge answers: thresholds tried in a fixed sequence, each bounded.

The risk of a threshold is the share of images that the edge answers, and answers otherwise than the
float network.  On n images of which x are such, the upper Clopper-Pearson bound of the risk at a
confidence 1 - e is the quantile 1 - e of Beta(x + 1, n - x) (Clopper and Pearson 1934).  Thresholds
are tried from the strictest one on, in an order that no image decides, until the first one whose
bound is above the limit; the one before it is taken.  Testing in a fixed sequence needs no
correction for the number of thresholds (Maurer, Hothorn and Lehmacher 1995; "Learn then Test",
Angelopoulos et al. 2021, section 2): the probability that the one taken passes the limit is at most
e.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import beta

STEPS = 100
THRESHOLDS = tuple(1 - (step / STEPS) ** 2 for step in range(STEPS + 1))
"""Thresholds in the order in which they are tried, from 1 to 0; dense near 1, where scores are."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold, and what was counted when it was chosen.

    Attributes:
        value: Least confidence, 0..1, of an answer that is not sent on.
        images: Images that the choice was made on.
        answered: Images of these that the edge answers.
        differing: Images of these that the edge answers otherwise than the float network.
        bound: Upper bound of the share of images that the edge answers otherwise, 0..1.
        limit: What the bound had to keep, 0..1.
        error: Probability at most that the true share is above the limit.
    """

    value: float
    images: int
    answered: int
    differing: int
    bound: float
    limit: float
    error: float

    @property
    def share(self) -> float:
        """Share of the images that the edge answers, 0..1."""
        return self.answered / self.images


def upper_bound(count: int, images: int, error: float) -> float:
    """Upper Clopper-Pearson bound of a share.

    Args:
        count: Images that were counted.
        images: All images, at least 1.
        error: Probability at most that the true share is above the bound.

    >>> round(upper_bound(0, 299, 0.05), 5)
    0.00997
    """
    return 1.0 if count >= images else float(beta.ppf(1 - error, count + 1, images - count))


def choosing_images_needed(limit: float, error: float) -> int:
    """Least number of images on which any threshold can be shown to keep a limit.

    (1 - limit)^n <= error, the bound of no image counted.

    >>> choosing_images_needed(0.01, 0.05)
    299
    """
    return math.ceil(math.log(error) / math.log1p(-limit))


def choose_threshold(
    confidences: Sequence[float], same: Sequence[bool], limit: float, error: float
) -> Threshold | None:
    """Choose the loosest threshold that is shown to keep a limit.

    Args:
        confidences: Confidence of the edge's answer to each image, 0..1.
        same: Whether that answer is the float network's.
        limit: Largest share of images that the edge may answer otherwise, 0..1.
        error: Probability at most that the threshold passes the limit.

    Returns:
        None if no threshold is shown to keep it.
    """
    pairs = list(zip(confidences, same, strict=True))
    chosen = None
    for value in THRESHOLDS:
        answered = [agrees for confidence, agrees in pairs if confidence >= value]
        differing = answered.count(False)
        bound = upper_bound(differing, len(pairs), error)
        if bound > limit:
            break
        chosen = Threshold(value, len(pairs), len(answered), differing, bound, limit, error)
    return chosen
