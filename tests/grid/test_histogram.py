"""Ranges of least error from a histogram, against the data itself and dense searches."""

import numpy as np
import pytest
from oracles import dense_search, mse_at

from autosplit.errors import DataError
from autosplit.grid.grid import WIDTHS, Grid
from autosplit.grid.histogram import activation_clips


def silu(x):
    return x / (1 + np.exp(-x))


ACTIVATIONS = {
    "relu": lambda rng: np.maximum(rng.normal(size=200_000), 0),
    "gauss": lambda rng: rng.normal(size=200_000),
    "silu": lambda rng: silu(2 * rng.normal(size=200_000)),
    "relu6": lambda rng: np.clip(3 * rng.normal(size=200_000) + 1, 0, 6),
    "sparse": lambda rng: np.where(rng.random(200_000) < 0.05, rng.exponential(size=200_000), 0),
    "negative": lambda rng: -rng.random(200_000),
    "above zero": lambda rng: 5 + rng.random(200_000),
}


def histogram(x, bins=8192):
    """Bins with zero in the middle of one, as ``measure`` makes them."""
    low, high = float(x.min()), float(x.max())
    width = (high - low) / (bins - 2)
    first = -(np.ceil(-low / width - 0.5) + 0.5) * width if low <= 0 <= high else low - width / 2
    return np.histogram(x, first + width * np.arange(bins + 1))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_mse_is_within_a_thousandth_of_the_exact(name):
    x = ACTIVATIONS[name](np.random.default_rng(0)).astype(np.float32)

    for bits, clip in activation_clips(*histogram(x)).items():
        scale, zero = Grid.from_range(clip.low, clip.high, bits).per_tensor
        assert clip.mse == pytest.approx(mse_at(x.astype(float), scale, zero, bits), rel=2e-3)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5])
def test_activation_clip_is_the_best_of_a_dense_search(name, bits):
    x = ACTIVATIONS[name](np.random.default_rng(1))[:4000]
    clip = activation_clips(*histogram(x), (bits,))[bits]
    scale, zero = Grid.from_range(clip.low, clip.high, bits).per_tensor

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

    scale, zero = Grid.from_range(clip.low, clip.high, bits).per_tensor
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
