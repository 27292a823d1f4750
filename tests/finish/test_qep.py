"""Rounding for the outputs: against brute force, and in parts against all columns at once."""

import itertools

import pytest
import torch

from autosplit.finish.qep import round_to_match, target_weight, toward
from autosplit.quantize.row_grids import RowGrids
from autosplit.quantize.second_moment import damped_moment


def layer(seed, rows, columns, positions, noise=0.1, groups=1):
    """A weight, correlated inputs, the same with errors, and a grid."""
    random = torch.Generator().manual_seed(seed)
    weight = torch.randn(groups, rows, columns, generator=random)
    mix = torch.randn(groups, columns, columns, generator=random) / columns**0.5
    mix = mix + torch.eye(columns)
    exact = torch.randn(groups, positions, columns, generator=random) @ mix
    rough = exact + noise * torch.randn(exact.shape, generator=random)
    grid = RowGrids(torch.full((groups, rows), 0.5), torch.full((groups, rows), 4), 3)
    return weight, grid, exact, rough


def output_error(weight, levels, grid, exact, rough):
    """Mean squared error of each output, shape (..., C)."""
    error = exact @ weight.mT - rough @ (levels * grid.scale[..., None]).mT
    return error.square().mean(-2)


def errors(problem, matched):
    weight, _, exact, rough = problem
    return output_error(weight, matched.levels, matched.grid, exact, rough)


def test_the_target_weight_undoes_a_known_distortion_of_the_inputs():
    """Inputs that are halved need twice the weight."""
    x = torch.randn(500, 6, generator=torch.Generator().manual_seed(0))
    weight = torch.randn(3, 6, generator=torch.Generator().manual_seed(1))

    assert torch.allclose(target_weight(weight, x, x / 2)[0], 2 * weight, rtol=0.03, atol=0.03)


def test_products_in_either_order_give_the_same_target():
    """Few rows go through the outputs, many through the columns."""
    weight, _, exact, rough = layer(3, 40, 12, 300)

    few, _ = target_weight(weight[:, :5], exact, rough)
    assert torch.allclose(few, target_weight(weight, exact, rough)[0][:, :5], atol=1e-5)


@pytest.mark.parametrize("together", [2, 3, 6])
def test_it_comes_near_the_best_integers_there_are(together):
    """All 4^6 rows of levels at the scale that was found."""
    ratios = []
    for seed in range(20):
        weight, grid, exact, rough = problem = layer(seed, 4, 6, 400)
        grid = RowGrids(grid.scale * 2, torch.full((1, 4), 2), 2)
        matched = round_to_match(weight, grid, exact, rough, 4, together)
        found = errors(problem, matched)
        every = torch.tensor(list(itertools.product(range(-2, 2), repeat=6))).float()
        rows = every.expand(4, 1, -1, -1)
        scale = RowGrids(matched.grid.scale.view(4, 1, 1), grid.zero_point, 2)
        tried = output_error(weight.view(4, 1, 1, 6), rows, scale, exact, rough)
        ratios.append(found / tried.view(1, 4, -1).amin(-1))
        nearest = output_error(weight, grid.nearest(weight), grid, exact, rough)
        assert bool((found <= nearest * 1.01).all())  # 1 %: of a damped error
    found = torch.cat(ratios)
    assert float(found.min()) > 0.999
    assert float(found.mean()) < 1.2
    assert float((found < 1.001).float().mean()) > 0.6


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_parts_lose_little_against_all_columns_at_once(groups, noise):
    problem = layer(0, 24, 60, 600, noise, groups)
    weight, grid, _, _ = problem
    whole, parts = (
        errors(problem, round_to_match(*problem, 2, together)).sum() for together in (60, 16)
    )
    nearest = output_error(weight, grid.nearest(weight), grid, *problem[2:]).sum()

    assert float(parts) < 1.1 * float(whole)
    assert float(whole) < 0.6 * float(nearest)


def test_parts_make_up_for_the_errors_of_each_other():
    """Two parts that read the same inputs: what one cannot give, the other does."""
    random = torch.Generator().manual_seed(0)
    x = torch.randn(1, 500, 4, generator=random)
    twice = torch.cat([x, x], -1)
    weight = torch.full((1, 1, 8), 0.24)  # each rounds to 0, though both together are near 0.5
    grid = RowGrids(torch.full((1, 1), 0.5), torch.full((1, 1), 1), 2)
    matched = round_to_match(weight, grid, twice, twice, 0, 4)
    levels = matched.levels.view(2, 4)

    assert levels.sum(0).tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("together", [4, 5, 7, 8, 100])
def test_levels_stay_on_the_grid_and_scales_near_it(together):
    weight, grid, exact, rough = layer(5, 3, 8, 50)
    matched = round_to_match(weight * 3, grid, exact, rough, 3, together)

    assert matched.levels.shape == matched.target.shape == weight.shape
    assert bool((matched.levels == matched.levels.round()).all())
    assert -4 <= float(matched.levels.min()) <= float(matched.levels.max()) <= 3
    ratio = matched.grid.scale / grid.scale
    assert bool((ratio >= 0.5**3).all() and (ratio <= 2**3).all())


@pytest.mark.parametrize("together", [4, 100])
def test_without_inputs_the_weights_themselves_come_nearest(together):
    """One position has nothing about its mean, so nothing is learned."""
    weight, grid, _, _ = layer(6, 3, 8, 1)
    nothing = torch.zeros(1, 1, 8)
    matched = round_to_match(weight, grid, nothing, nothing, 2, together)

    error = weight - matched.levels * matched.grid.scale[..., None]
    nearest = weight - grid.nearest(weight) * grid.scale[..., None]
    assert bool((error.square().sum(-1) <= nearest.square().sum(-1) * 1.0001).all())


@pytest.mark.parametrize("together", [60, 200])
def test_few_positions_do_not_bend_scales_and_levels_to_themselves(together):
    """On other inputs the error is no greater than that of the nearest."""
    weight, grid, exact, _ = layer(0, 16, 200, 400, noise=0.0)
    seen, other = exact[:, :2], exact[:, 2:]
    matched = round_to_match(weight, grid, seen, seen, 2, together)
    ours = output_error(weight, matched.levels, matched.grid, other, other).sum()
    nearest = output_error(weight, grid.nearest(weight), grid, other, other).sum()
    ratio = matched.grid.scale / grid.scale

    assert float(ours) < 1.02 * float(nearest)
    assert 0.8 < float(ratio.min()) <= float(ratio.max()) < 1.25


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_share_of_the_inputs_error_is_made_up_for(share):
    """Inputs that are halved, a share of the way back: the weight grows by that share."""
    x = torch.randn(500, 6, generator=torch.Generator().manual_seed(0))
    weight = torch.randn(3, 6, generator=torch.Generator().manual_seed(1))
    target, _ = target_weight(weight, toward(x, x / 2, share), x / 2)

    assert torch.allclose(target, (1 + share) * weight, rtol=0.03, atol=0.03)


def test_no_problem_is_larger_than_what_is_taken_together(monkeypatch):
    sizes = []
    monkeypatch.setattr(
        "autosplit.finish.qep.damped_moment",
        lambda moment, samples: sizes.append(moment.shape[-1]) or damped_moment(moment, samples),
    )
    round_to_match(*layer(7, 3, 30, 50), 2, 8)

    assert sizes == [8, 8, 8, 6]


@pytest.mark.parametrize("together", [4, 100])
@pytest.mark.parametrize(("weights", "inputs"), [(-90, 0), (60, 0), (-90, -25)])
def test_the_units_of_weights_and_inputs_do_not_matter(together, weights, inputs, denormals):
    """Powers of two, which round nothing."""
    weight, grid, exact, rough = layer(8, 6, 9, 200, groups=2)
    unit = torch.full_like(grid.scale, 2.0**weights)
    want = round_to_match(weight, grid, exact, rough, 2, together)
    found = round_to_match(
        weight * unit[..., None],
        grid.times(unit),
        exact * 2.0**inputs,
        rough * 2.0**inputs,
        2,
        together,
    )

    assert torch.equal(found.levels, want.levels)
    assert torch.equal(found.grid.scale, want.grid.scale * unit)
    assert torch.equal(found.target, want.target * unit[..., None])
