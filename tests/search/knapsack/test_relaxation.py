"""Dominance and hulls by hand, bounds against a linear program."""

import numpy as np
import pytest
from scipy.optimize import linprog

from autosplit.search.knapsack.relaxation import bound, checked, relax


def instance(seed, layers=6, choices=4):
    """Distortions that fall with the cost, but for some choices that are no good."""
    rng = np.random.default_rng(seed)
    cost = np.sort(rng.integers(0, 40, (layers, choices)), axis=1)
    distortion = -np.sort(-rng.random((layers, choices)), axis=1)
    rng.permuted(distortion[::3], axis=1, out=distortion[::3])
    return distortion, cost


def by_linear_program(distortion, cost, budget):
    """Least distortion with fractions of choices."""
    layers, choices = cost.shape
    found = linprog(
        distortion.ravel(),
        A_ub=cost.reshape(1, -1),
        b_ub=[budget],
        A_eq=np.kron(np.eye(layers), np.ones(choices)),
        b_eq=np.ones(layers),
    )
    assert found.success
    return found.fun


def test_a_choice_above_the_hull_is_stepped_over():
    """Costs 0, 2, 4, 6 (unit 2), distortions 10, 9, 4, 3: from 0 to 4 at 3 a unit, then at 1."""
    found = relax(np.array([[10.0, 9.0, 4.0, 3.0]]), np.array([[1, 3, 5, 7]]))

    assert (found.unit, found.base.tolist()) == (2, [1])
    assert found.cost.tolist() == [[0, 1, 2, 3]]
    assert found.step_to.tolist() == [2, 3]
    assert found.step_cost.tolist() == [2, 1]
    assert found.step_price.tolist() == [3.0, 1.0]
    assert found.step_gain.tolist() == [6.0, 1.0]


def test_a_choice_that_another_beats_or_equals_is_dropped():
    """The second costs more and is worse, the fourth is a copy of the third."""
    found = relax(np.array([[5.0, 6.0, 2.0, 2.0]]), np.array([[1, 2, 3, 3]]))

    assert np.isinf(found.distortion).tolist() == [[False, True, False, True]]
    assert found.start.tolist() == [0]


def test_equal_steps_keep_the_order_of_the_layers():
    distortion = np.array([[4.0, 2.0], [9.0, 3.0], [4.0, 2.0]])
    found = relax(distortion, np.array([[0, 1], [0, 1], [0, 1]]))

    assert found.step_layer.tolist() == [1, 0, 2]


@pytest.mark.parametrize("seed", range(8))
def test_the_bound_is_the_optimum_with_fractions(seed):
    distortion, cost = instance(seed)
    found = relax(distortion, cost)
    room = int(found.cost.max(axis=1).sum())
    limits = np.linspace(0, room + 3, 9).astype(np.int64)
    for layers in (1, 3, 6):
        bounds = bound(found, limits, layers)
        base = int(found.base[:layers].sum())
        for limit, lower in zip(limits, bounds.lower, strict=True):
            budget = base + int(limit) * found.unit
            want = by_linear_program(distortion[:layers], cost[:layers], budget)
            assert lower == pytest.approx(want, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_the_price_is_what_one_more_unit_removes(seed):
    found = relax(*instance(seed))
    limits = np.arange(int(found.cost.max(axis=1).sum()) + 2)
    bounds = bound(found, limits)

    np.testing.assert_allclose(bounds.price[:-1], -np.diff(bounds.lower), atol=1e-12)
    assert bounds.price[-1] == 0
    assert (np.diff(bounds.price) <= 1e-12).all()  # convex
    assert (bounds.upper >= bounds.lower - 1e-12).all()


@pytest.mark.parametrize("seed", range(4))
def test_the_rounded_choice_takes_whole_steps_alone(seed):
    """Walked by hand: the steps that fit, one after the other."""
    found = relax(*instance(seed))
    for limit in (0, 7, 30):
        choice, spent, steps = found.start.copy(), 0, 0
        for layer, to, cost in zip(found.step_layer, found.step_to, found.step_cost, strict=True):
            if spent + cost > limit:
                break
            choice[layer], spent, steps = to, spent + cost, steps + 1
        bounds = bound(found, np.array([limit]))

        assert bounds.steps[0] == steps
        total = found.distortion[np.arange(len(choice)), choice].sum()
        assert bounds.upper[0] == pytest.approx(total)


@pytest.mark.parametrize(
    ("distortion", "cost", "message"),
    [
        ([[1.0]], [[1, 2]], r"same|shape \(L, B\)"),
        ([1.0], [1], "shape"),
        (np.zeros((0, 2)), np.zeros((0, 2)), "must not be empty"),
        ([[np.nan]], [[1]], "distortion: must be finite, got nan"),
        ([[1.0]], [[-1]], "cost: must not be negative, got -1"),
        ([[1.0]], [[0.5]], "cost: must be whole numbers, got 0.5"),
        ([[1.0], [1.0]], [[2**52], [1]], r"at most 2\*\*52"),
    ],
)
def test_what_cannot_be_added_up_exactly_is_refused(distortion, cost, message):
    with pytest.raises(ValueError, match=message):
        checked(distortion, cost)
