"""Orders of the layers over one link: seconds of candidates, and bounds, by trying everything."""

import math
from dataclasses import replace

import pytest
from brute import every_cut, everything, small_problem
from picked import plan_at

from autosplit.search.questions.orders import layer_orders

SEEDS = range(5)
LINK = "both"


def orders_of(problem, cuts=None):
    return layer_orders(problem, problem.links[LINK], cuts)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_latency_of_a_candidate_is_that_of_its_plan(seed):
    problem = small_problem(seed)
    (order,) = orders_of(problem)
    found = order.latency_s(order.pool)

    for m in range(0, len(found), max(1, len(found) // 20)):
        plan = plan_at(problem, order.pool, m)
        assert found[m] == pytest.approx(plan.predictions[LINK].latency_s, rel=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_bounds_of_a_prefix_are_below_all_of_its_widths_and_reached_by_each_alone(seed):
    """Without a memory limit the least distortion is that of every tensor's best width."""
    problem = replace(small_problem(seed, 7), memory_bytes=10**9)
    (order,) = orders_of(problem)
    for length in order.lengths:
        cut = problem.graph.prefix(length)
        latency, distortion, *_ = everything(problem, cut, LINK)
        bounds = order.relaxed(length)

        assert bounds[0] == pytest.approx(distortion.min(), rel=1e-12)
        assert bounds[1] <= latency.min() * (1 + 1e-12)
        assert bounds[1] > 0.5 * latency.min()


@pytest.mark.parametrize("seed", SEEDS)
def test_every_cut_is_a_prefix_of_some_order_once(seed):
    problem = small_problem(seed)
    cuts = every_cut(problem)
    found = [
        frozenset(order.costs.problem.graph.prefix(length).edge)
        for order in orders_of(problem, cuts)
        for length in order.lengths
    ]

    assert sorted(map(sorted, found)) == sorted(sorted(cut.edge) for cut in cuts)


def test_only_the_link_that_is_asked_for_is_priced():
    problem = small_problem(0)
    (order,) = orders_of(problem)

    assert set(order.costs.problem.links) == {LINK}
    assert order.byte_s == 8 / problem.links[LINK].uplink_bps
    assert len(order.away_s) == len(problem.graph.layers) + 1
    assert all(math.isfinite(seconds) for seconds in order.away_s)
