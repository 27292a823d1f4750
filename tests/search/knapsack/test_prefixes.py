"""Every prefix at every budget against all choices, and bounds where states are dropped."""

import itertools

import numpy as np
import pytest

from autosplit.search.knapsack import prefixes as module
from autosplit.search.knapsack.prefixes import solve_prefixes
from autosplit.search.knapsack.relaxation import relax


def instance(seed, layers=5, choices=3):
    rng = np.random.default_rng(seed)
    cost = np.sort(rng.integers(0, 9, (layers, choices)), axis=1)
    distortion = -np.sort(-rng.random((layers, choices)), axis=1)
    return relax(distortion, cost)


def limits_of(one, count=6):
    """Limits from nothing to more than everything, the same for all prefixes, and one below 0."""
    most = int(one.cost.max(axis=1).sum()) + 2
    each = np.array([-1, *np.linspace(0, most, count - 1)]).astype(np.int64)
    return np.repeat(each[None], len(one.base) + 1, axis=0)


def least(one, layers, limit):
    """Least distortion of the first layers, by trying all choices."""
    rows = np.arange(layers)
    return min(
        one.distortion[rows, choice].sum()
        for choice in itertools.product(range(one.cost.shape[1]), repeat=layers)
        if one.cost[rows, choice].sum() <= limit
    )


def each_query(one, limits):
    for layers in range(1, len(limits)):
        for k, limit in enumerate(limits[layers]):
            if limit >= 0:
                yield layers, k, int(limit), least(one, layers, int(limit))


@pytest.mark.parametrize("seed", range(6))
def test_every_prefix_at_every_limit_has_the_least_distortion(seed):
    one = instance(seed)
    limits = limits_of(one)
    found = solve_prefixes(one, limits)
    choices, lower = found.choices(), found.lower

    for layers, k, limit, want in each_query(one, limits):
        rows, choice = np.arange(layers), choices[layers, k, :layers]
        assert one.cost[rows, choice].sum() <= limit
        assert one.distortion[rows, choice].sum() == pytest.approx(want, rel=1e-12)
        assert found.choice(layers, np.array([k])).tolist() == [choice.tolist()]
        assert found.distortion[layers, k] == pytest.approx(want, rel=1e-12)
        assert lower[layers, k] == np.inf  # nothing was dropped: proven


@pytest.mark.parametrize("seed", range(6))
def test_where_states_are_dropped_the_bound_is_below_the_optimum(monkeypatch, seed):
    """Two states a layer: choices still keep the limits, and no bound is above the optimum."""
    monkeypatch.setattr(module, "MOST_STATES", 2)
    monkeypatch.setattr(module, "_FIRST_STATES", 2)
    one = instance(seed, layers=7)
    limits = limits_of(one)
    found = solve_prefixes(one, limits)
    choices, lower = found.choices(), found.lower
    bounded = 0
    for layers, k, limit, want in each_query(one, limits):
        rows, choice = np.arange(layers), choices[layers, k, :layers]
        reached = one.distortion[rows, choice].sum()
        assert one.cost[rows, choice].sum() <= limit
        assert reached >= want - 1e-12
        if lower[layers, k] < reached:
            bounded += 1
            assert lower[layers, k] <= want + 1e-12
        else:
            assert reached == pytest.approx(want, rel=1e-12)

    assert bounded  # two states are too few for some


def test_a_limit_of_one_prefix_says_nothing_of_another():
    """Each prefix has a limit of its own: what its layers cost at their best."""
    one = instance(1)
    best = np.array([0, *np.cumsum(one.cost.max(axis=1))])
    choices = solve_prefixes(one, best[:, None]).choices()

    for layers in range(1, len(best)):
        rows = np.arange(layers)
        found = one.distortion[rows, choices[layers, 0, :layers]].sum()
        assert found == pytest.approx(one.distortion[:layers].min(axis=1).sum())
