"""The record of a grid: what it refuses, its ends, and the grid of a range."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autosplit.errors import PlanError
from autosplit.grid.grid import Grid, Unquantized, steps_of


class TestRecord:
    @pytest.mark.parametrize(
        ("bits", "scale", "zero", "problem"),
        [
            (4, 0.0, 0, "scale: must be positive and finite"),
            (4, -1.0, 0, "scale: must be positive and finite"),
            (4, np.nan, 0, "scale: must be positive and finite"),
            (4, (1.0, np.inf), (0, 0), r"scale: must be positive and finite, got 1.0\.\.inf"),
            (4, (1.0, 0.0), (0, 0), r"scale: must be positive and finite, got 0.0\.\.1.0"),
            (4, 1.0, 16, r"zero point: must be 0\.\.15 at 4 bits, got 16\.\.16"),
            (4, 1.0, -1, r"zero point: must be 0\.\.15 at 4 bits, got -1\.\.-1"),
            (0, 1.0, 0, r"width: must be 1\.\.16 bits, got 0"),
            (17, 1.0, 0, r"width: must be 1\.\.16 bits, got 17"),
            (True, 1.0, 0, r"width: must be 1\.\.16 bits, got True"),
            (4, (), (), "as many scales as zero points, at least one"),
            (4, (1.0, 2.0), (0,), r"got the shapes \(2,\) and \(1,\)"),
            (4, [[1.0]], [[0]], r"got the shapes \(1, 1\) and \(1, 1\)"),
        ],
    )
    def test_numbers_that_are_no_grid_are_refused(self, bits, scale, zero, problem):
        with pytest.raises(PlanError, match=problem):
            Grid.of(bits, scale, zero)

    @pytest.mark.parametrize("bits", range(1, 17))
    def test_the_highest_integer_is_the_last_zero_point_allowed(self, bits):
        """2^bits integers, of which 0 is the lowest."""
        highest = 2**bits - 1

        assert Grid.of(bits, 1.0, 0).steps == steps_of(bits) == highest
        assert Grid.of(bits, 1.0, highest).high == 0
        with pytest.raises(PlanError, match="zero point"):
            Grid.of(bits, 1.0, highest + 1)

    def test_its_ends_are_the_values_of_its_lowest_and_highest_integer(self):
        grid = Grid.of(2, (0.5, 0.25), (1, 3))

        assert grid.low.tolist() == [-0.5, -0.75]
        assert grid.high.tolist() == [1.0, 0.0]
        assert grid.low.dtype == grid.high.dtype == np.float64

    def test_it_holds_float32_and_int32_whatever_it_is_given(self):
        grid = Grid(3, np.array([0.1], np.float64), np.array([7], np.int64))

        assert (grid.scale.dtype, grid.zero_point.dtype) == (np.float32, np.int32)
        assert grid.per_tensor == (float(np.float32(0.1)), 7)

    def test_what_it_was_made_of_can_change_and_it_cannot(self):
        scale = np.float32([1, 2])
        grid = Grid(2, scale, np.int32([0, 0]))
        scale[0] = 9

        assert grid.scale.tolist() == [1, 2]
        with pytest.raises(ValueError, match="read-only"):
            grid.zero_point[0] = 1

    def test_it_equals_another_of_the_same_numbers(self):
        grid = Grid.of(4, (0.5, 1.0), (8, 0))

        assert grid == Grid.of(4, [0.5, 1.0], [8, 0]) == pickle.loads(pickle.dumps(grid))
        assert hash(grid) == hash(Grid.of(4, [0.5, 1.0], [8, 0]))
        others = Grid.of(5, (0.5, 1.0), (8, 0)), Grid.of(4, (0.5, 1.5), (8, 0)), "grid"
        assert all(grid != other for other in (*others, Grid.of(4, (0.5, 1.0), (8, 1))))

    def test_channels_can_be_taken_in_any_order(self):
        grid = Grid.of(4, (1.0, 2.0, 3.0), (1, 2, 3))

        assert grid.take(np.array([2, 0])) == Grid.of(4, (3.0, 1.0), (3, 1))

    def test_one_number_for_the_tensor_is_refused_where_channels_have_their_own(self):
        assert not Grid.of(4, (1.0,), (3,)).per_channel
        assert Grid.of(4, (1.0, 1.0), (3, 3)).per_channel
        with pytest.raises(PlanError, match="must be one for the whole tensor, got 2"):
            _ = Grid.of(4, (1.0, 1.0), (3, 3)).per_tensor


class TestFromRange:
    @pytest.mark.parametrize(
        ("low", "high", "bits", "scale", "zero"),
        [
            (-1.0, 2.0, 2, 1.0, 1),
            (0.0, 255.0, 8, 1.0, 0),
            (-255.0, 0.0, 8, 1.0, 255),
            (10.0, 30.0, 1, 30.0, 0),  # zero is always there
            (-30.0, -10.0, 1, 30.0, 1),
            (0.0, 0.0, 4, 1.0, 0),
        ],
    )
    def test_it_equals_a_grid_by_hand(self, low, high, bits, scale, zero):
        assert Grid.from_range(low, high, bits) == Grid.of(bits, scale, zero)

    @given(st.floats(-1e30, 1e30), st.floats(-1e30, 1e30), st.integers(1, 16))
    def test_it_holds_zero_and_both_ends_to_half_a_step(self, one, other, bits):
        low, high = sorted((one, other))
        grid = Grid.from_range(low, high, bits)
        scale, zero = grid.per_tensor

        assert scale > 0
        assert 0 <= zero <= 2**bits - 1
        slack = 0.5 * scale + 1e-6 * max(abs(low), abs(high)) + 1e-30
        assert grid.low <= min(low, 0.0) + slack
        assert grid.high >= max(high, 0.0) - slack

    @given(st.floats(2**-60, 2**60, width=32), st.integers(1, 16), st.data())
    def test_the_ends_of_a_grid_give_it_back(self, scale, bits, data):
        grid = Grid.of(bits, scale, data.draw(st.integers(0, 2**bits - 1)))

        assert Grid.from_range(float(grid.low[0]), float(grid.high[0]), bits) == grid

    @pytest.mark.parametrize("bits", [1, 2, 8, 16])
    @pytest.mark.parametrize("low", [-3.4028234663852886e38, -1.0, -1e60])
    def test_no_level_overflows_float32(self, low, bits):
        grid = Grid.from_range(low, 3.4028234663852886e38, bits)
        zero = grid.zero_point[0]
        levels = np.float32([-zero, 2**bits - 1 - zero]) * grid.scale[0]

        assert np.isfinite(levels).all()
        assert np.ptp(levels / 2) > 1.7e38 * (1 - 1e-5)

    @pytest.mark.parametrize("length", [1e-44, 1e-60])
    def test_no_step_is_smaller_than_a_normal_number_of_float32(self, length):
        assert Grid.from_range(0.0, length, 8).per_tensor == (2.0**-126, 0)

    @pytest.mark.parametrize(
        ("low", "high"), [(1.0, -1.0), (math.nan, 1.0), (0.0, math.inf), (-math.inf, 0.0)]
    )
    def test_ends_that_make_no_range_are_refused(self, low, high):
        with pytest.raises(PlanError, match="must be finite with low <= high"):
            Grid.from_range(low, high, 8)


class TestUnquantized:
    @pytest.mark.parametrize("bits", [16, 32])
    def test_floats_have_half_or_single_precision(self, bits):
        assert Unquantized(bits).bits == bits

    @pytest.mark.parametrize("bits", [8, 64, 0])
    def test_other_floats_are_refused(self, bits):
        with pytest.raises(PlanError, match=f"must have 16 or 32 bits, got {bits}"):
            Unquantized(bits)
