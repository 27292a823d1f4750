"""The affine quantizer against numpy, its round trip, and the path in place."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autosplit.errors import PlanError
from autosplit.grid.grid import WIDTHS, Grid
from autosplit.quantize.affine import (
    dequantize,
    fake_quantize,
    fake_quantize_,
    quantize,
    quantize_to_levels,
)


def numpy_quantize(x, scale, zero, bits):
    """float32 division, round half to even, clamp: written once more, in numpy."""
    level = np.rint(x.astype(np.float32) / np.asarray(scale, np.float32))
    return (np.clip(level, -zero, 2**bits - 1 - zero) + zero).astype(np.int64)


@settings(deadline=None, max_examples=200)
@given(
    values=st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=50),
    scale=st.floats(2**-10, 2**10, width=32),
    bits=st.integers(1, 16),
    data=st.data(),
)
def test_quantize_equals_numpy_and_fake_equals_the_round_trip(values, scale, bits, data):
    zero = data.draw(st.integers(0, 2**bits - 1))
    x, grid = torch.tensor(values), Grid.of(bits, scale, zero)

    integers = quantize(x, grid)
    fake = fake_quantize(x, grid)

    np.testing.assert_array_equal(integers, numpy_quantize(x.numpy(), scale, zero, bits))
    assert torch.equal(fake, dequantize(integers, grid))
    assert torch.equal(fake_quantize_(x, scale, zero, bits), fake)
    assert integers.dtype == (torch.uint8 if bits <= 8 else torch.int32)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("bits", WIDTHS)
def test_grid_per_channel_equals_each_channel_alone(axis, bits):
    torch.manual_seed(bits)
    x = torch.randn(3, 4, 5)
    count = x.shape[axis]
    scale = torch.rand(count) + 0.1
    zero = torch.randint(0, 2**bits, (count,), dtype=torch.int32)
    grid = Grid(bits, scale.numpy(), zero.numpy())

    integers = quantize(x, grid, axis)
    fake = fake_quantize(x, grid, axis)

    assert torch.equal(fake, dequantize(integers, grid, axis))
    for i in range(count):
        alone = quantize(x.select(axis, i), grid.take(np.array([i])))
        assert torch.equal(integers.select(axis, i), alone)


def test_half_rounds_to_even():
    x, grid = torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5]), Grid.of(4, 1.0, 4)

    assert quantize(x, grid).tolist() == [4, 6, 6, 4, 2]
    assert quantize_to_levels(x, grid).tolist() == [0, 2, 2, 0, -2]
    assert fake_quantize(x, grid).tolist() == [0, 2, 2, 0, -2]


@pytest.mark.parametrize("bits", range(1, 17))
def test_every_integer_of_a_width_survives_untouched(bits):
    grid = Grid.of(bits, 0.37, (2**bits - 1) // 3)
    integers = torch.arange(2**bits, dtype=torch.int32)

    again = quantize(dequantize(integers, grid), grid)

    assert torch.equal(again.int(), integers)


@pytest.mark.parametrize("bits", range(1, 17))
def test_values_beyond_the_range_take_the_lowest_and_the_highest_integer(bits):
    grid = Grid.of(bits, 0.5, 1)
    beyond = torch.tensor([-1e9, 1e9])

    assert quantize(beyond, grid).tolist() == [0, 2**bits - 1]
    assert fake_quantize(beyond, grid).tolist() == [-0.5, 0.5 * (2**bits - 2)]


def test_values_are_given_back_in_the_type_asked_for():
    got = dequantize(torch.tensor([3], dtype=torch.uint8), Grid.of(2, 0.1, 1), dtype=torch.float64)

    assert got.dtype == torch.float64


@pytest.mark.parametrize("layout", ["contiguous", "channels_last", "transposed", "strided"])
def test_in_place_path_is_the_same_for_every_memory_layout(layout):
    x = torch.randn(3, 8, 96, 70)
    x = {
        "contiguous": lambda: x,
        "channels_last": lambda: x.to(memory_format=torch.channels_last),
        "transposed": lambda: x.transpose(0, 2),
        "strided": lambda: x[:, ::2, 1:],
    }[layout]()
    grid = Grid.of(4, 0.05, 7)
    expected = dequantize(quantize(x, grid), grid)

    assert torch.equal(fake_quantize(x, grid), expected)
    got = fake_quantize_(x, 0.05, 7, 4)

    assert got is x
    assert torch.equal(x, expected)


@pytest.mark.parametrize(
    ("scale", "zero", "bits", "word"),
    [
        (0.0, 0, 4, "scale"),
        (np.nan, 0, 4, "scale"),
        (1.0, 16, 4, "zero point"),
        (1.0, -1, 4, "zero point"),
        (1.0, 0, 17, "width"),
    ],
)
def test_numbers_that_are_no_grid_are_refused_in_place_too(scale, zero, bits, word):
    with pytest.raises(PlanError, match=word):
        fake_quantize_(torch.zeros(2), scale, zero, bits)


@pytest.mark.parametrize("work", [quantize, quantize_to_levels, dequantize, fake_quantize])
def test_grids_of_channels_need_their_axis(work):
    with pytest.raises(PlanError, match="must be one for the whole tensor, got 2"):
        work(torch.zeros(2), Grid.of(4, (1.0, 2.0), (0, 0)))
