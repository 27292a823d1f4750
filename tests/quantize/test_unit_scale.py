"""Numbers are brought near one by powers of two, or taken in float64 where that cannot be."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given

from autosplit.quantize.unit_scale import (
    APART,
    exponent_of,
    group_factors,
    power_of_two,
    unit_factors,
    wide_enough,
)

NORMAL = st.floats(2.0**-126, 2.0**127, width=32)


@given(NORMAL)
def test_the_exponent_is_that_of_the_largest_magnitude(peak):
    exponent = exponent_of(torch.tensor([0.0, -peak]), torch.tensor(peak / 2))

    assert 2.0 ** (exponent - 1) <= peak < 2.0**exponent


@pytest.mark.parametrize("value", [0.0, math.inf, -math.inf, math.nan])
def test_values_without_a_size_have_the_exponent_zero(value):
    assert exponent_of(torch.tensor([value, 1e9 if value else 0.0])) == 0
    assert exponent_of(torch.empty(0)) == 0


@pytest.mark.parametrize(
    ("exponent", "power"), [(0, 1), (3, 8), (-140, 2.0**-126), (140, 2.0**126)]
)
def test_powers_stay_among_the_normal_numbers(exponent, power):
    assert power_of_two(exponent) == power


@given(NORMAL)
def test_a_factor_brings_a_magnitude_near_one_and_rounds_nothing(peak):
    (factor,) = unit_factors(torch.tensor([peak])).tolist()

    assert math.frexp(factor)[0] == 0.5  # a power of two
    assert 0.5 <= peak * factor <= 2
    assert float(torch.tensor(peak) * factor) == peak * factor


def test_groups_share_a_factor_unless_one_lies_far_below():
    inputs = torch.tensor([4.0, 1.0, 2.0**-50, 0.0]).view(4, 1, 1)
    factors = group_factors(inputs, torch.tensor([7.0]))

    assert factors.tolist() == [1 / 8, 1 / 8, 2.0 ** (49 - APART), 1 / 8]


@pytest.mark.parametrize("other", [0.0, 1.0, 1e30])
@pytest.mark.parametrize("scale", [1e-37, 1e-22, 1.0, 1e18, 1e38])
def test_squares_of_a_groups_inputs_are_normal_numbers_whatever_goes_with_them(scale, other):
    inputs = torch.tensor([scale, -scale]).view(2, 1, 1)
    squares = (inputs * group_factors(inputs, torch.tensor(other))[:, None, None]).square()

    assert 2.0 ** (-2 * APART - 2) <= float(squares.min()) <= float(squares.max()) <= 16


@pytest.mark.parametrize(
    ("sizes", "wide"),
    [
        ((1.0,), False),
        ((1e-22,), True),
        ((1e18,), True),
        ((1e-10, 1e-10), True),
        ((1e12, 1e-12), False),
        ((1.0, 1.0, 1e-30), True),
        ((1e-6, 1e-6, 1e-6), False),  # the first is multiplied by each of the others alone
        ((0.0, math.inf), False),
    ],
)
def test_float64_is_taken_where_squares_of_products_leave_float32(sizes, wide):
    values = wide_enough(*(torch.tensor([0.0, size]) for size in sizes))

    assert {value.dtype for value in values} == {torch.float64 if wide else torch.float32}


def test_what_is_wide_enough_is_handed_back_as_it_is():
    value = torch.ones(3)

    assert wide_enough(value)[0] is value
