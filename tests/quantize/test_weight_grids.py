"""Grids of weights against dense searches, and their errors against the exact ones."""

import numpy as np
import pytest
import torch
from oracles import dense_search

from autosplit.errors import DataError
from autosplit.grid.grid import WIDTHS
from autosplit.quantize.weight_grids import weight_grids

CHANNELS = {
    "gauss": lambda rng: rng.normal(size=300),
    "laplace": lambda rng: rng.laplace(size=300),
    "skewed": lambda rng: rng.normal(size=300) + 1,
    "positive": lambda rng: rng.random(300),
    "negative": lambda rng: -rng.random(300),
    "sparse": lambda rng: np.where(rng.random(300) < 0.1, rng.normal(size=300), 0),
    "3x3": lambda rng: rng.normal(size=9),
}


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


@pytest.mark.parametrize("columns", [9, 300])
@pytest.mark.parametrize("power", [-90, -73, 60])
def test_the_unit_of_a_weight_does_not_matter(columns, power, denormals):
    weight, unit = torch.randn(5, columns, generator=torch.Generator().manual_seed(0)), 2.0**power
    plain, found = weight_grids(weight, 0), weight_grids(weight * unit, 0)

    for bits in WIDTHS:
        np.testing.assert_array_equal(found[bits].grid.zero_point, plain[bits].grid.zero_point)
        np.testing.assert_allclose(found[bits].grid.scale / unit, plain[bits].grid.scale, 1e-6)
        np.testing.assert_allclose(found[bits].mse / unit**2, plain[bits].mse, 1e-5)
