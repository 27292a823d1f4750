"""Moments and histograms of the second pass against numpy."""

import pytest
from tape import expected_stats, samples

from autosplit.distortion.ranges import Range
from autosplit.distortion.spreads import Spread
from autosplit.distortion.tiles import workers


def test_second_pass_corrects_a_mean_that_the_first_got_wrong():
    data = samples(40).double() + 3
    rows = data.flatten(1)
    with workers() as pool:
        found = Range.about(rows)
        found.add(rows, pool)
        found.total += 0.05 * found.count
        spread = Spread.over(found)
        spread.add(rows, pool)
    mean, std, b = spread.moments

    expected = expected_stats(data)
    assert (mean, std) == pytest.approx((expected["mean"], expected["std"]), rel=1e-6)
    assert b == pytest.approx(expected["b"], rel=2e-3)  # first order in the correction
