"""Many edge halves at once against one plan at a time, costed by the formulas of every plan."""

from dataclasses import replace

import numpy as np
import pytest
from brute import coded_problem, small_problem
from picked import costs_of, plan_at, random_choices

from autosplit.graph.memory import edge_memory_bytes

SEEDS = range(6)


@pytest.mark.parametrize("make", [small_problem, coded_problem])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_pool_costs_what_its_plans_cost(seed, make):
    problem = make(seed)
    costs = costs_of(problem)
    pool = costs.pool([random_choices(problem, 15, seed), costs.nothing()])

    for m in range(len(pool.lengths)):
        plan = plan_at(problem, pool, m)
        assert pool.distortion[m] == pytest.approx(plan.distortion, rel=1e-12)
        for name, one in plan.predictions.items():
            if make is small_problem:
                assert pool.edge_s[m] == pytest.approx(one.edge_s, rel=1e-12)
            away = costs.away_s[name][pool.lengths[m]]
            byte_s = 8 / problem.links[name].uplink_bps
            total = pool.edge_s[m] + away + byte_s * pool.sent[m]
            assert total == pytest.approx(one.latency_s, rel=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_fits_is_what_keeps_the_memory_limit(seed):
    problem = small_problem(seed)
    choices = random_choices(problem, 60, seed)
    choices = replace(choices, lengths=np.maximum(choices.lengths, 1))
    needs = [plan_at(problem, choices, m).edge_memory_bytes for m in range(60)]
    problem = replace(problem, memory_bytes=sorted(needs)[20])  # one keeps it to the byte
    kept = costs_of(problem).fitting(choices)
    want = [m for m, need in enumerate(needs) if need <= problem.memory_bytes]

    assert kept.lengths.tolist() == choices.lengths[want].tolist()
    assert np.array_equal(kept.outputs, choices.outputs[want])
    assert np.array_equal(kept.weights, choices.weights[want])


@pytest.mark.parametrize("seed", SEEDS)
def test_every_prefix_at_every_single_width_that_fits_is_there(seed):
    problem = small_problem(seed)
    found = costs_of(problem).uniform()
    want = []
    for length in range(1, len(problem.graph.layers) + 1):
        cut = problem.graph.prefix(length)
        for place, bits in enumerate(problem.usable):
            if problem.fits(edge_memory_bytes(cut, *problem.uniform(cut, bits))):
                want.append((length, place))

    assert list(zip(found.lengths.tolist(), found.outputs[:, 0].tolist(), strict=True)) == want
    assert (found.outputs == found.outputs[:, :1]).all()
    assert (found.weights == found.outputs).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_on_the_way_between_two_candidates_one_tensor_changes_at_a_time(seed):
    """From all tensors at the narrowest width to all at the widest, in one cut."""
    problem = replace(small_problem(seed), memory_bytes=10**9)
    costs = costs_of(problem)
    length = len(problem.graph.layers)
    ends = random_choices(problem, 2, length=length)
    ends = replace(ends, weights=ends.weights * 0, outputs=ends.outputs * 0)
    ends.weights[1], ends.outputs[1] = 2, 2
    pool = costs.pool([ends])
    if pool.edge_s[1] < pool.edge_s[0] or pool.distortion[1] > pool.distortion[0]:
        pytest.skip("the narrowest is not the faster one, or not the worse one")
    path = costs.between(pool, np.arange(2), 0.0)
    steps = np.concatenate([path.weights, path.outputs], axis=1)
    changed = np.array([0, *steps.sum(axis=1), 2 * 2 * length]) // 2

    assert np.diff(changed).tolist() == [1] * (2 * length)
    assert set(path.lengths) == {length}


def test_candidates_of_other_cuts_have_nothing_between_them():
    problem = replace(small_problem(0), memory_bytes=10**9)
    costs = costs_of(problem)
    pool = costs.pool([random_choices(problem, 1, length=1), random_choices(problem, 1, length=2)])

    assert len(costs.between(pool, np.arange(2), 0.0).lengths) == 0


def test_a_part_of_a_pool_has_the_costs_it_had():
    problem = small_problem(1)
    pool = costs_of(problem).pool([random_choices(problem, 5)])
    part = pool.take(np.array([3, 1]))

    for name in ("lengths", "weights", "outputs", "distortion", "edge_s", "sent"):
        assert np.array_equal(getattr(part, name), getattr(pool, name)[[3, 1]])
