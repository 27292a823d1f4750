"""Clamps before a grid are moved into the ends of its codes."""

import math

import numpy as np
import pytest

from autosplit.deploy.clamp_windows import narrowed, window_codes


@pytest.mark.parametrize(
    ("later", "earlier", "window"),
    [
        ((-math.inf, math.inf), (0, 6), (0, 6)),
        ((0, 6), (-1, 1), (0, 1)),
        ((-1, 1), (0, 6), (0, 1)),
        ((0, 6), (7, 9), (6, 6)),  # all values are above, and the later clamp makes them 6
        ((0, 6), (-5, -3), (0, 0)),
    ],
)
def test_two_clamps_are_one_window(later, earlier, window):
    assert narrowed(later, earlier) == window
    values = np.linspace(-10, 10, 41)
    np.testing.assert_array_equal(
        np.clip(np.clip(values, *earlier), *later), np.clip(values, *window)
    )


@pytest.mark.parametrize(
    ("window", "codes"),
    [
        ((-math.inf, math.inf), (0, 31)),
        ((0.0, math.inf), (3, 31)),
        ((0.0, 6.0), (3, 15)),  # 6 is 12 steps above the zero point
        ((-1.0, 6.0), (1, 15)),
        ((-9.0, 99.0), (0, 31)),
    ],
)
def test_a_window_is_codes_of_a_grid_of_5_bits_steps_of_a_half_and_zero_point_3(window, codes):
    assert window_codes(window, 0.5, 3, 5) == codes
