"""The interval of a drop."""

import numpy as np
import pytest

from autosplit.evaluate.paired import drop_interval


def test_it_is_the_formula_of_bonett_and_price():
    # 12 lost and 5 won of 98: shares 13/100 and 6/100; their difference 0.07 has the variance
    # (0.19 - 0.0049) / 100
    low, high = drop_interval(12, 5, 98)

    assert (low + high) / 2 == pytest.approx(7.0)
    assert (high - low) / 2 == pytest.approx(100 * 1.959964 * (0.1851 / 100) ** 0.5, rel=1e-6)


def test_a_gain_is_the_loss_of_the_other():
    assert drop_interval(3, 9, 50) == pytest.approx([-end for end in drop_interval(9, 3, 50)][::-1])


def test_without_a_difference_the_interval_still_has_a_width():
    low, high = drop_interval(0, 0, 1000)

    assert low == -high
    assert 0.2 < high < 0.3


def test_it_holds_the_true_drop_about_95_times_of_100():
    rng = np.random.default_rng(0)
    draws = rng.multinomial(200, (0.06, 0.02, 0.92), 2000)
    inside = [low <= 4.0 <= high for low, high in (drop_interval(a, b, 200) for a, b, _ in draws)]

    assert 0.935 < np.mean(inside) < 0.975


@pytest.mark.parametrize("counts", [(1, 0, 1), (0, 1, 1)])
def test_its_ends_are_points(counts):
    low, high = drop_interval(*counts)

    assert -100 <= low < high <= 100
