"""One rule of rounding: what keeps a limit."""

import math

import numpy as np
import pytest

from autosplit.search.tolerance import keeps, keeps_drop, loosened, proves, told_apart


@pytest.mark.parametrize("limit", [3e-9, 1.0, 7e12])
def test_a_limit_is_kept_up_to_a_billionth_of_it_and_no_more(limit):
    assert keeps(limit, limit)
    assert keeps(limit * (1 + 9e-10), limit)
    assert not keeps(limit * (1 + 1.1e-9), limit)
    assert not keeps(limit * 1.001, limit)


def test_any_order_of_a_sum_keeps_the_limit_that_one_order_gave():
    values = np.random.default_rng(0).lognormal(0, 8, 500)
    assert keeps(float(values[::-1].cumsum()[-1]), float(values.cumsum()[-1]))
    assert keeps(float(values.cumsum()[-1]), float(values[::-1].cumsum()[-1]))


def test_many_values_are_compared_at_once():
    assert keeps(np.array([0.0, 2.0, 2.1, math.inf]), 2.0).tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    ("value", "limit", "kept"),
    [
        (1e300, math.inf, True),
        (math.inf, math.inf, True),
        (0.0, -math.inf, False),
        (0.0, 0.0, True),
        (1e-300, 0.0, False),
        (-1.0, -1.0, True),
        (-0.9, -1.0, False),
    ],
)
def test_limits_that_are_infinite_zero_or_negative_are_limits_too(value, limit, kept):
    assert keeps(value, limit) is kept


def test_an_infinite_limit_stays_infinite():
    assert loosened(math.inf) == math.inf
    assert loosened(-math.inf) == -math.inf


@pytest.mark.parametrize(
    ("first", "second", "texts"),
    [
        (0.5, 0.25, ("0.5", "0.25")),
        (1 / 3, 1 / 3 + 1e-9, ("0.333333333", "0.333333334")),
        (1.0, 1.0 + 2**-52, ("1", "1.0000000000000002")),
    ],
)
def test_numbers_are_written_with_as_many_digits_as_tell_them_apart(first, second, texts):
    assert told_apart(first, second) == texts


@pytest.mark.parametrize(("drop", "kept"), [(1.0, True), (1 + 9e-10, True), (1 + 2e-9, False)])
def test_a_drop_keeps_a_limit_of_points_up_to_rounding(drop, kept):
    assert keeps_drop(drop, 1.0) is kept
    assert keeps_drop(drop - 1, 0.0) is kept  # a limit of no points has the same rounding


def test_a_bound_proves_a_value_that_is_two_billionths_above_it_and_no_more():
    value = np.array([1.0, 1e-12, 3e8])

    assert proves(value * (1 - 1.9e-9), value).all()
    assert not proves(value * (1 - 2.1e-9), value).any()
    assert proves(0.0, 0.0)
