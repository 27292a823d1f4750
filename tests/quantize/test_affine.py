"""The quantizer against numpy, the searches against dense ones."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autosplit.errors import DataError, PlanError
from autosplit.grid.grid import WIDTHS, grid_from_range
from autosplit.grid.histogram import activation_clips
from autosplit.quantize.affine import dequantize, fake_quantize, fake_quantize_, quantize
from autosplit.quantize.weight_grids import weight_grids


def silu(x):
    return x / (1 + np.exp(-x))


CHANNELS = {
    "gauss": lambda rng: rng.normal(size=300),
    "laplace": lambda rng: rng.laplace(size=300),
    "skewed": lambda rng: rng.normal(size=300) + 1,
    "positive": lambda rng: rng.random(300),
    "negative": lambda rng: -rng.random(300),
    "sparse": lambda rng: np.where(rng.random(300) < 0.1, rng.normal(size=300), 0),
    "3x3": lambda rng: rng.normal(size=9),
}
ACTIVATIONS = {
    "relu": lambda rng: np.maximum(rng.normal(size=200_000), 0),
    "gauss": lambda rng: rng.normal(size=200_000),
    "silu": lambda rng: silu(2 * rng.normal(size=200_000)),
    "relu6": lambda rng: np.clip(3 * rng.normal(size=200_000) + 1, 0, 6),
    "sparse": lambda rng: np.where(rng.random(200_000) < 0.05, rng.exponential(size=200_000), 0),
    "negative": lambda rng: -rng.random(200_000),
    "above zero": lambda rng: 5 + rng.random(200_000),
}


def numpy_quantize(x, scale, zero, bits):
    """float32 division, round half to even, clamp: written once more, in numpy."""
    level = np.rint(x.astype(np.float32) / np.asarray(scale, np.float32))
    return (np.clip(level, -zero, 2**bits - 1 - zero) + zero).astype(np.int64)


def mse_at(x, scale, zero, bits):
    level = np.clip(np.rint(x / scale), -zero, 2**bits - 1 - zero)
    return np.mean((level * scale - x) ** 2)


def dense_search(x, bits, scales=400):
    """Least MSE over a dense grid of scales and every zero point (at 7 and 8 bits every 4th)."""
    steps = 2**bits - 1
    length = max(x.max(), 0) - min(x.min(), 0)
    widest = length / max(steps - 1, 1)
    return min(
        mse_at(x, scale, zero, bits)
        for scale in np.geomspace(0.1 * widest, 1.02 * widest, scales)
        for zero in range(0, steps + 1, 4 if bits > 6 else 1)
    )


def histogram(x, bins=8192):
    """Bins with zero in the middle of one, as ``measure`` makes them."""
    low, high = float(x.min()), float(x.max())
    width = (high - low) / (bins - 2)
    first = -(np.ceil(-low / width - 0.5) + 0.5) * width if low <= 0 <= high else low - width / 2
    return np.histogram(x, first + width * np.arange(bins + 1))


@settings(deadline=None, max_examples=200)
@given(
    values=st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=50),
    scale=st.floats(2**-10, 2**10, width=32),
    bits=st.integers(1, 16),
    data=st.data(),
)
def test_quantize_equals_numpy_and_fake_equals_the_round_trip(values, scale, bits, data):
    zero = data.draw(st.integers(0, 2**bits - 1))
    x = torch.tensor(values)

    integers = quantize(x, scale, zero, bits)
    fake = fake_quantize(x, scale, zero, bits)

    np.testing.assert_array_equal(integers, numpy_quantize(x.numpy(), scale, zero, bits))
    assert torch.equal(fake, dequantize(integers, scale, zero))
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

    integers = quantize(x, scale, zero, bits, axis)
    fake = fake_quantize(x, scale, zero, bits, axis)

    assert torch.equal(fake, dequantize(integers, scale, zero, axis))
    for i in range(count):
        alone = quantize(x.select(axis, i), float(scale[i]), int(zero[i]), bits)
        assert torch.equal(integers.select(axis, i), alone)


def test_half_rounds_to_even():
    x = torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5])

    assert quantize(x, 1.0, 4, 4).tolist() == [4, 6, 6, 4, 2]
    assert fake_quantize(x, 1.0, 4, 4).tolist() == [0, 2, 2, 0, -2]


@pytest.mark.parametrize("bits", range(1, 17))
def test_integers_in_range_survive_untouched(bits):
    scale, zero = 0.37, (2**bits - 1) // 3
    integers = torch.arange(2**bits, dtype=torch.int32)

    again = quantize(dequantize(integers, scale, zero), scale, zero, bits)

    assert torch.equal(again.int(), integers)


@pytest.mark.parametrize("layout", ["contiguous", "channels_last", "transposed", "strided"])
def test_in_place_path_is_the_same_for_every_memory_layout(layout):
    x = torch.randn(3, 8, 96, 70)
    x = {
        "contiguous": lambda: x,
        "channels_last": lambda: x.to(memory_format=torch.channels_last),
        "transposed": lambda: x.transpose(0, 2),
        "strided": lambda: x[:, ::2, 1:],
    }[layout]()
    expected = dequantize(quantize(x, 0.05, 7, 4), 0.05, 7)

    assert torch.equal(fake_quantize(x, 0.05, 7, 4), expected)
    got = fake_quantize_(x, 0.05, 7, 4)

    assert got is x
    assert torch.equal(x, expected)


@given(
    low=st.floats(-1e30, 1e30),
    length=st.floats(0, 1e30),
    bits=st.integers(1, 16),
)
def test_grid_from_range_represents_zero_and_covers_the_range(low, length, bits):
    high = low + length
    scale, zero = grid_from_range(low, high, bits)
    steps = 2**bits - 1

    assert scale > 0
    assert scale == np.float32(scale)
    assert 0 <= zero <= steps
    assert -zero * scale <= min(low, 0) + 0.5001 * scale
    assert (steps - zero) * scale >= max(high, 0) - 0.5001 * scale


def test_grid_from_range_of_nothing_is_a_grid():
    assert grid_from_range(0.0, 0.0, 3) == (1.0, 0)


@pytest.mark.parametrize(("low", "high"), [(1.0, 0.0), (np.nan, 1.0), (0.0, np.inf)])
def test_bad_range_is_refused(low, high):
    with pytest.raises(PlanError, match="low <= high"):
        grid_from_range(low, high, 4)


@pytest.mark.parametrize(
    ("scale", "zero", "bits", "word"),
    [
        (0.0, 0, 4, "scale"),
        (-1.0, 0, 4, "scale"),
        (np.nan, 0, 4, "scale"),
        (1.0, 16, 4, "zero point"),
        (1.0, -1, 4, "zero point"),
        (1.0, 0, 0, "width"),
        (1.0, 0, 17, "width"),
        (1.0, 0, True, "width"),
    ],
)
def test_bad_grid_is_refused(scale, zero, bits, word):
    for work in (quantize, fake_quantize, fake_quantize_):
        with pytest.raises(PlanError, match=word):
            work(torch.zeros(2), scale, zero, bits)


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 6])
def test_weight_grid_is_near_the_best_of_a_dense_search(name, bits):
    """Within 2 % up to 4 bits; above, where a dense search meets few elements by luck, 25 %."""
    if name in ("3x3", "sparse") and bits > 4:
        pytest.skip("a dense search fits a handful of elements by luck")
    rng = np.random.default_rng(bits)
    x = np.stack([CHANNELS[name](rng) for _ in range(2)]).astype(np.float32)

    found = weight_grids(torch.from_numpy(x), 0, (bits,))[bits]

    for row, mse in zip(x, found.mse, strict=True):
        assert mse <= (1.02 if bits <= 4 else 1.25) * dense_search(row, bits, 150)


@pytest.mark.parametrize("name", ["gauss", "laplace", "skewed", "positive", "negative", "3x3"])
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 6, 8])
def test_grid_of_a_large_weight_is_nearly_as_good(name, bits):
    """Above 16384 elements there is one start; the bound is on the mean over channels."""
    if name == "3x3" and bits > 4:
        pytest.skip("a dense search fits a handful of elements by luck")
    rng = np.random.default_rng(bits)
    x = np.stack([CHANNELS[name](rng) for _ in range(6)]).astype(np.float32)
    copies = 20_000 // x.size + 1

    found = weight_grids(torch.from_numpy(x).repeat(copies, 1), 0, (bits,))[bits]

    best = np.mean([dense_search(row, bits, 120) for row in x])
    assert found.mse.mean() <= (1.02 if bits <= 4 else 1.15) * best


@pytest.mark.parametrize("bits", [7, 8])
def test_zeros_of_a_pruned_weight_cost_nothing_in_the_search(bits):
    """99 % exact zeros, the rest uniform: the range is not traded for them."""
    rng = np.random.default_rng(0)
    x = np.where(rng.random((10, 5000)) < 0.01, rng.uniform(-1, 1, (10, 5000)), 0)

    found = weight_grids(torch.from_numpy(x), 0, (bits,))[bits]

    best = np.mean([dense_search(row[row != 0], bits, 60) * np.mean(row != 0) for row in x])
    assert found.mse.mean() <= 1.35 * best


@pytest.mark.parametrize("copies", [1, 100])
@pytest.mark.parametrize("axis", [0, 1])
def test_weight_mse_is_exact_at_the_grid_found(copies, axis):
    weight = torch.randn(6 * copies, 5 * copies, 3, 3)

    for bits, found in weight_grids(weight, axis).items():
        rows = weight.movedim(axis, 0).flatten(1).double().numpy()
        scale = found.grid.scale.astype(float)[:, None]
        zero = found.grid.zero_point[:, None]
        level = np.clip(np.rint(rows / scale), -zero, 2**bits - 1 - zero)
        exact = np.mean((level * scale - rows) ** 2, axis=1)
        np.testing.assert_allclose(found.mse, exact, rtol=2e-3)
        np.testing.assert_allclose(found.mse.mean(), exact.mean(), rtol=2e-4)
        assert found.grid.scale.dtype == np.float32
        assert found.grid.zero_point.dtype == np.int32
        assert (
            found.grid.scale.shape == found.grid.zero_point.shape == found.mse.shape == (len(rows),)
        )
        assert (found.grid.zero_point >= 0).all()
        assert (found.grid.zero_point < 2**bits).all()


@pytest.mark.parametrize("rows", [60, 3000])
def test_error_of_large_weights_falls_with_every_bit(rows):
    """A Gaussian gains at least 4 dB a bit from 2 bits on, with or without the search's luck."""
    found = weight_grids(torch.randn(rows, 64), 0)
    mse = np.array([found[bits].mse.mean() for bits in WIDTHS])

    assert (mse[2:] < mse[1:-1] / 2.5).all()


@pytest.mark.parametrize("value", [0.0, 1.0, -3.7, 1e-30, 1e30, 1e-42])
@pytest.mark.parametrize("elements", [1, 9, 200])
def test_equal_elements_have_no_error(value, elements):
    weight = torch.full((3, elements), value)

    for bits, found in weight_grids(weight, 0).items():
        assert (found.grid.scale > 0).all()
        assert np.isfinite(found.grid.scale).all()
        assert (found.mse <= 1e-9 * value**2 + 1e-75).all(), bits


def test_zero_channel_beside_others_is_exact():
    weight = torch.randn(4, 50)
    weight[2] = 0

    for found in weight_grids(weight, 0).values():
        assert found.mse[2] == 0
        assert (found.mse[[0, 1, 3]] > 0).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weight_that_is_not_finite_is_refused(bad):
    weight = torch.ones(2, 3)
    weight[1, 1] = bad

    with pytest.raises(DataError, match="finite"):
        weight_grids(weight, 0)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_mse_is_within_a_thousandth_of_the_exact(name):
    x = ACTIVATIONS[name](np.random.default_rng(0)).astype(np.float32)

    for bits, clip in activation_clips(*histogram(x)).items():
        scale, zero = grid_from_range(clip.low, clip.high, bits)
        assert clip.mse == pytest.approx(mse_at(x.astype(float), scale, zero, bits), rel=2e-3)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5])
def test_activation_clip_is_the_best_of_a_dense_search(name, bits):
    x = ACTIVATIONS[name](np.random.default_rng(1))[:4000]
    clip = activation_clips(*histogram(x), (bits,))[bits]
    scale, zero = grid_from_range(clip.low, clip.high, bits)

    assert mse_at(x, scale, zero, bits) <= 1.003 * dense_search(x, bits, 120)


def test_one_sided_data_has_a_one_sided_range():
    rng = np.random.default_rng(0)
    for clip in activation_clips(*histogram(ACTIVATIONS["relu"](rng))).values():
        assert clip.low == 0 < clip.high
    for clip in activation_clips(*histogram(ACTIVATIONS["negative"](rng))).values():
        assert clip.high == 0 > clip.low


def test_bins_may_differ_in_width():
    """The same values in bins joined far out: nearly the same clips."""
    x = np.random.default_rng(0).normal(size=100_000)
    counts, edges = histogram(x)
    keep = np.unique(np.r_[0:1000:8, 1000:7000, 7000:8193:8, 8192])
    joined = np.add.reduceat(counts, keep[:-1])

    fine, coarse = activation_clips(counts, edges), activation_clips(joined, edges[keep])

    for bits in WIDTHS:
        assert coarse[bits].mse == pytest.approx(fine[bits].mse, rel=1e-2)


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_values_are_spread_evenly_over_wide_bins(bits):
    """Two bins of density 1 and 3 against as many points: bins far wider than the step."""
    points = np.concatenate(
        [1 + (np.arange(10_000) + 0.5) / 1e4, 2 + (np.arange(30_000) + 0.5) / 3e4]
    )

    clip = activation_clips([1, 3], [1, 2, 3], (bits,))[bits]

    scale, zero = grid_from_range(clip.low, clip.high, bits)
    assert clip.mse == pytest.approx(mse_at(points, scale, zero, bits), rel=1e-5)


@pytest.mark.parametrize("value", [0.0, 2.5, -1e-20])
def test_constant_activation_has_no_error(value):
    """A bin without width holds equal values."""
    for clip in activation_clips([7], [value, value]).values():
        assert clip.mse <= 1e-12 * value**2
        assert clip.low <= value <= clip.high


@pytest.mark.parametrize(("counts", "edges"), [([0, 0], [0, 1, 2]), ([1], [0, 1, 2]), ([], [0])])
def test_bad_histogram_is_refused(counts, edges):
    with pytest.raises(DataError, match="histogram"):
        activation_clips(counts, edges)


@pytest.mark.parametrize("bits", range(1, 9))
def test_no_step_is_longer_than_the_greatest_weight_twice(bits):
    """Dead channels have costs that are flat, where a parabola's vertex may lie anywhere."""
    random = torch.Generator().manual_seed(0)
    weight = torch.randn(200, 25, generator=random) * torch.logspace(-38, 0, 200)[:, None]
    weight[:20, 1:] = 0
    weight[20:40] = weight[20:40, :1]
    peak = weight.abs().amax(1).clamp_min(2.0**-126)
    (grid,) = weight_grids(weight, 0, (bits,)).values()

    assert (torch.tensor(grid.grid.scale) <= 2 * peak).all()
