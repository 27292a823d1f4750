"""Every edge half worth having, against trying all widths of all prefixes."""

from dataclasses import replace

import numpy as np
import pytest
from brute import small_problem
from builders import chain, distortions, table_device
from picked import costs_of, plan_at

from autosplit.hardware.link import Link
from autosplit.search.front import enumerate as module
from autosplit.search.front.enumerate import enumerate_prefixes, undominated
from autosplit.search.problem import Problem
from autosplit.search.widths.pool import Picked

NO_LINK = {"free": Link(name="free", source="test", uplink_bps=1e30)}


def everything(problem, length):
    """Points (edge seconds, distortion, bytes sent) of one prefix at all widths that fit."""
    layers, size = len(problem.graph.layers), len(problem.usable)
    cut = problem.graph.prefix(length)
    stores = [problem.graph.rank[name] for name in cut.weights]
    grid = np.indices((size,) * (len(stores) + length)).reshape(len(stores) + length, -1)
    weights, outputs = np.zeros((2, grid.shape[1], layers), dtype=np.intp)
    weights[:, stores] = grid[: len(stores)].T
    outputs[:, :length] = grid[len(stores) :].T
    costs = costs_of(problem)
    pool = costs.pool(
        [costs.fitting(Picked(np.full(grid.shape[1], length, dtype=np.intp), weights, outputs))]
    )
    return np.stack([pool.edge_s, pool.distortion, pool.sent], axis=1)


def best(points):
    """Points that no other one beats, of equals one, up to rounding; by trying all pairs."""
    points = np.unique(points.round(11), axis=0)
    no_worse = (points[:, None] <= points[None]).all(axis=2)
    np.fill_diagonal(no_worse, val=False)
    return points[~no_worse.any(axis=0)]


@pytest.mark.parametrize("seed", range(12))
def test_all_that_is_worth_having_of_every_prefix_is_found(seed):
    """Every plan that nothing beats in seconds, distortion and bytes sent, with memory or not."""
    problem = small_problem(seed, 6)
    picked, solved = enumerate_prefixes(costs_of(problem))
    costs = costs_of(problem)
    pool = costs.pool([picked])

    assert solved >= 1
    for length in range(1, solved + 1):
        mine = np.flatnonzero(pool.lengths == length)
        found = np.stack([pool.edge_s[mine], pool.distortion[mine], pool.sent[mine]], axis=1)
        want = best(everything(problem, length))
        assert len(best(found)) == len(want), length
        np.testing.assert_allclose(best(found), want, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_found_fits_the_memory(seed):
    problem = small_problem(seed, 6)
    picked, _ = enumerate_prefixes(costs_of(problem))

    for m in range(len(picked.lengths)):
        assert problem.fits(plan_at(problem, picked, m).edge_memory_bytes)


def test_too_many_labels_end_the_pass_and_the_length_says_where():
    """Each layer of a chain has 3 widths, its weight 3 more: 9 labels of the first layer."""
    graph = chain([10, 10, 10], weight=5)
    rng = np.random.default_rng(0)
    table = distortions(graph, lambda bits: 4.0**-bits * rng.random())
    seconds = {layer.name: 1.0 for layer in graph.layers}
    edge = table_device(seconds)
    problem = Problem(graph, table, edge, replace(edge, name="cloud"), NO_LINK, None, (2, 4, 8))
    costs = costs_of(problem)

    assert enumerate_prefixes(costs)[1] == 2
    picked, solved = enumerate_prefixes(costs, most=1)
    assert solved < 2
    assert (picked.lengths <= solved).all()


@pytest.mark.parametrize("columns", [2, 3, 4])
@pytest.mark.parametrize("seed", range(5))
def test_undominated_are_those_that_nothing_of_their_key_is_as_good_as(columns, seed):
    rng = np.random.default_rng(seed)
    key = rng.integers(0, 3, 60)
    values = [rng.integers(0, 6, 60) for _ in range(columns)]
    points = np.stack(values, axis=1)
    want = []
    for i in range(60):
        rivals = np.flatnonzero(key == key[i])
        as_good = (points[rivals] <= points[i]).all(axis=1)
        same = (points[rivals] == points[i]).all(axis=1)
        beaten = (as_good & ~same).any() or (same & (rivals < i)).any()
        want += [] if beaten else [i]

    assert undominated(key, values).tolist() == want


def test_too_many_pairs_are_not_compared(monkeypatch):
    monkeypatch.setattr(module, "_MOST_PAIRS", 3)
    four = [np.arange(4.0)] * 3

    assert undominated(np.zeros(4, dtype=np.int64), four) is None
    assert undominated(np.zeros(4, dtype=np.int64), four[:2]).tolist() == [0]
