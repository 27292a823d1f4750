"""Whether a plan is shown to lose no more than is allowed: an exact test of non-inferiority.

Both networks are run on the same images, which are a sample of all images there are.  Of every
image one of three things holds: only the float network is right (lost), only the plan is (won), or
they are alike.  The drop d is the share lost minus the share won.  With a share s of images on
which the networks differ, the counts are trinomial, (s + d) / 2 lost and (s - d) / 2 won.  Without
torch.
"""

from __future__ import annotations

from functools import lru_cache
from math import sqrt
from typing import Any

import numpy as np
from scipy.special import xlogy
from scipy.stats import beta, norm

from autosplit.search.arrays import Floats, Indices

NUISANCE = 0.1
"""Part of the allowed error that goes into the bound on the share of images that differ."""
_SHARES = 9  # shares of differing images that are tried, up to the bound
_TAIL = 1e-9  # probability of counts that are left out of a sum at each of four ends
_EXACT = 20_000  # images beyond which the number that is needed comes from the normal distribution
_STEP = 2e-3  # points that a bound may be above the least
_MOST = 10**8  # images that are called attainable


@lru_cache(maxsize=4096)
def drop_p_value(lost: int, won: int, seen: int, limit: float, spent: float) -> float:
    """Test the hypothesis that a plan truly loses more than a limit.

    The test rejects where Tango's score statistic (``_score``) is small.  The probability of that
    depends on the share of images that differ, which is unknown.  So the p-value is the largest one
    over a one-sided Clopper-Pearson interval of that share, plus the error of the interval (Berger
    and Boos 1994, lemma 1); each is summed over the counts, not approximated.

    Args:
        lost: Images that the float network gets right and the plan does not.
        won: Images that the plan gets right and the float network does not.
        seen: Images that both were run on, at least 1.
        limit: Drop, points.
        spent: Error of the bound on the share of images that differ, part of the p-value.

    Returns:
        A probability.  If the true drop is above the limit, it is at most x with a probability of
        at most x.
    """
    drop = limit / 100
    if not -1 < drop < 1:
        return float(drop <= -1)
    most = _upper_share(lost + won, seen, spent)
    if most < abs(drop):
        return spent
    shares = np.linspace(abs(drop), most, _SHARES)
    found = float(_score(lost, won, seen, drop))
    tails = [_tail(found, seen, drop, float(share)) for share in shares]
    return min(1.0, spent + max(tails))


def _upper_share(count: int, seen: int, error: float) -> float:
    """One-sided upper bound of a share (Clopper and Pearson 1934)."""
    return float(beta.ppf(1 - error, count + 1, seen - count)) if count < seen else 1.0


def _score(lost: Any, won: Any, seen: int, drop: float) -> Floats:
    """Score statistic of the hypothesis that the drop is ``drop`` (Tango 1998, equation 4).

    The share won that is most likely under the hypothesis is a root of A q^2 + B q + C.
    """
    a, b = 2 * seen, drop * (2 * seen - lost + won) - lost - won
    root = np.sqrt(np.maximum(b**2 + 4 * a * won * drop * (1 - drop), 0.0))
    variance = seen * ((root - b) / seen + 2 * drop * (1 - drop)) / 2
    beyond = lost - won - seen * drop
    with np.errstate(divide="ignore", invalid="ignore"):
        score: Floats = np.where(beyond == 0, 0.0, beyond / np.sqrt(np.maximum(variance, 0.0)))
    return score


def _tail(found: float, seen: int, drop: float, share: float) -> float:
    """Probability that the score is at most ``found``, from above by at most 4e-9."""
    shares = (share + drop) / 2, (share - drop) / 2
    (lost, won), (p, q) = (_counts(seen, one) for one in shares), np.clip(shares, 0.0, 1.0)
    lost = lost[:, None]
    alike = seen - lost - won
    places = np.log(np.arange(1, seen + 1)).cumsum()
    factorial = np.concatenate([[0.0], places])
    log_law = (
        factorial[seen]
        - (factorial[lost] + factorial[won] + factorial[np.maximum(alike, 0)])
        + (xlogy(lost, p) + xlogy(won, q) + xlogy(np.maximum(alike, 0), max(1 - share, 0.0)))
    )
    small = (alike >= 0) & (_score(lost, won, seen, drop) <= found + 1e-9)
    return float(np.exp(log_law[small]).sum()) + 4 * _TAIL


def _counts(seen: int, share: float) -> Indices:
    """Counts of a binomial law but for two tails of at most ``_TAIL`` (Bernstein's inequality)."""
    reach = 6.5 * sqrt(seen * max(share * (1 - share), 0.0)) + 14
    return np.arange(
        max(int(seen * share - reach), 0), min(int(seen * share + reach) + 1, seen) + 1
    )


def drop_bound(lost: int, won: int, seen: int, error: float, spent: float) -> float:
    """Upper bound of the true drop, points, rounded up: limits above it pass the test.

    Args:
        lost: As in ``drop_p_value``.
        won: As in ``drop_p_value``.
        seen: As in ``drop_p_value``.
        error: Probability that the bound is wrong.
        spent: As in ``drop_p_value``, less than ``error``.
    """
    low = 100 * (lost - won) / seen
    step = 100 / seen + 200 * sqrt(lost + won) / seen
    while drop_p_value(lost, won, seen, low + step, spent) > error:
        low, step = low + step, 2 * step
    high = min(low + step, 100.0)
    while high - low > _STEP:
        middle = (low + high) / 2
        if drop_p_value(lost, won, seen, middle, spent) <= error:
            high = middle
        else:
            low = middle
    return high


def images_needed(lost: int, won: int, seen: int, limit: float, error: float) -> int | None:
    """How many images would show that a plan keeps a limit, if it went on as it did so far.

    Args:
        lost: As in ``drop_p_value``.
        won: As in ``drop_p_value``.
        seen: As in ``drop_p_value``.
        limit: As in ``drop_p_value``.
        error: Probability that the limit is taken for kept and is not.

    Returns:
        To two digits, rounded up; None if the plan loses the limit or more so far, or if a hundred
        million images would be too few.
    """
    if 100 * (lost - won) / seen >= limit:
        return None

    def enough(images: int) -> bool:
        scaled = [round(count * images / seen) for count in (lost, won)]
        if images <= _EXACT:
            return drop_p_value(scaled[0], scaled[1], images, limit, NUISANCE * error) <= error
        score = float(_score(scaled[0], scaled[1], images, limit / 100))
        return bool(score <= norm.ppf((1 - NUISANCE) * error))

    high = seen
    while not enough(high):
        high *= 2
        if high > _MOST:
            return None
    low = high // 2
    while high - low > max(1, high // 200):
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    unit: int = 10 ** max(len(str(high)) - 2, 0)
    return -(-high // unit) * unit
