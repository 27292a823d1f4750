"""Ranges of least error from a histogram, against the data itself and dense searches."""

import numpy as np
import pytest
from oracles import dense_search, mse_at

from autosplit.errors import DataError
from autosplit.grid.grid import WIDTHS
from autosplit.grid.histogram import activation_grids


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

    for bits, found in activation_grids(*histogram(x)).items():
        scale, zero = found.grid.per_tensor
        assert found.mse[0] == pytest.approx(mse_at(x.astype(float), scale, zero, bits), rel=2e-3)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5])
def test_activation_clip_is_the_best_of_a_dense_search(name, bits):
    x = ACTIVATIONS[name](np.random.default_rng(1))[:4000]
    found = activation_grids(*histogram(x), (bits,))[bits]
    scale, zero = found.grid.per_tensor

    assert mse_at(x, scale, zero, bits) <= 1.003 * dense_search(x, bits, 120)


def test_one_sided_data_has_a_one_sided_range():
    rng = np.random.default_rng(0)
    for found in activation_grids(*histogram(ACTIVATIONS["relu"](rng))).values():
        assert found.grid.low[0] == 0 < found.grid.high[0]
    for found in activation_grids(*histogram(ACTIVATIONS["negative"](rng))).values():
        assert found.grid.high[0] == 0 > found.grid.low[0]


def test_bins_may_differ_in_width():
    """The same values in bins joined far out: nearly the same clips."""
    x = np.random.default_rng(0).normal(size=100_000)
    counts, edges = histogram(x)
    keep = np.unique(np.r_[0:1000:8, 1000:7000, 7000:8193:8, 8192])
    joined = np.add.reduceat(counts, keep[:-1])

    fine, coarse = activation_grids(counts, edges), activation_grids(joined, edges[keep])

    for bits in WIDTHS:
        assert coarse[bits].mse[0] == pytest.approx(fine[bits].mse[0], rel=1e-2)


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_values_are_spread_evenly_over_wide_bins(bits):
    """Two bins of density 1 and 3 against as many points: bins far wider than the step."""
    points = np.concatenate(
        [1 + (np.arange(10_000) + 0.5) / 1e4, 2 + (np.arange(30_000) + 0.5) / 3e4]
    )

    found = activation_grids([1, 3], [1, 2, 3], (bits,))[bits]

    scale, zero = found.grid.per_tensor
    assert found.mse[0] == pytest.approx(mse_at(points, scale, zero, bits), rel=1e-5)


@pytest.mark.parametrize("value", [0.0, 2.5, -1e-20])
def test_constant_activation_has_no_error(value):
    """A bin without width holds equal values."""
    for found in activation_grids([7], [value, value]).values():
        assert found.mse[0] <= 1e-12 * value**2
        close = 1e-6 * abs(value)
        assert found.grid.low[0] - close <= value <= found.grid.high[0] + close


@pytest.mark.parametrize(("counts", "edges"), [([0, 0], [0, 1, 2]), ([1], [0, 1, 2]), ([], [0])])
def test_bad_histogram_is_refused(counts, edges):
    with pytest.raises(DataError, match="histogram"):
        activation_grids(counts, edges)
