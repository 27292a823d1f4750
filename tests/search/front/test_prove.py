"""Plans of a front that is too large to enumerate are proven, or give way to better ones."""

import numpy as np
import pytest
from brute import small_problem

from autosplit.search.front import enumerate as enumeration
from autosplit.search.front import prove as module
from autosplit.search.front.front import integer_front
from autosplit.search.front.prove import prove
from autosplit.search.pareto import pareto
from autosplit.search.widths.edge_seconds import EdgeSeconds
from autosplit.search.widths.pool import Picked, PoolCosts


@pytest.mark.parametrize("seed", range(7100, 7112))
def test_every_plan_of_a_small_front_is_proven(seed, monkeypatch):
    monkeypatch.setattr(enumeration, "MOST_LABELS", 0)

    plans = integer_front(small_problem(seed, 7))

    assert [plan.name for plan in plans if plan.optimality_gap > 0] == []


def start(seed=7103):
    """Costs, one wasteful candidate of the whole graph, and which candidates are kept."""
    problem = small_problem(seed, 7)
    costs = PoolCosts(problem, EdgeSeconds(problem))
    count = len(problem.graph.layers)
    narrow = np.zeros((1, count), dtype=np.intp)
    pool = costs.pool([Picked(np.array([count]), narrow, narrow)])

    def kept_of(some):
        return pareto(np.stack([some.edge_s, some.distortion], axis=1))

    return costs, pool, kept_of


def test_a_better_plan_takes_the_place_of_the_one_whose_box_was_solved():
    costs, pool, kept_of = start(next(s for s in range(7100, 7200) if wastes(s)))

    found, lower = prove(costs, pool, np.zeros(1), kept_of)

    assert found.distortion[0] < pool.distortion[0]
    assert found.edge_s[0] <= pool.edge_s[0] * (1 + 1e-9)
    assert lower.tolist() == found.distortion.tolist()


def wastes(seed):
    """Whether some plan of the whole graph is as fast as the narrowest, with less distortion."""
    costs, pool, kept_of = start(seed)
    found, _ = prove(costs, pool, np.zeros(1), kept_of)
    return found.distortion[0] < pool.distortion[0]


def test_without_work_nothing_is_proven():
    costs, pool, kept_of = start()

    found, lower = prove(costs, pool, np.zeros(1), kept_of, most_work=0)

    assert found.distortion.tolist() == pool.distortion.tolist()
    assert lower.tolist() == [0.0]


def test_a_new_candidate_has_the_bounds_of_the_solved_boxes_that_hold_it():
    _, pool, _ = start()
    length, sent, edge_s = int(pool.lengths[0]), int(pool.sent[0]), float(pool.edge_s[0])

    assert module._holds(module.BoxProof(length, sent, edge_s, 1.0), pool)
    for box in ((length - 1, sent, edge_s), (length, sent - 1, edge_s), (length, sent, edge_s / 2)):
        assert not module._holds(module.BoxProof(*box, 1.0), pool)


def test_the_distortion_that_a_box_must_beat_is_that_without_the_inputs(monkeypatch):
    """The inputs' distortion is the same for every choice, and no part of the program."""
    costs, pool, kept_of = start()
    assert costs.input_distortion > 0
    asked = []

    def solve(program, sent, edge_s, known):
        asked.append(known)
        return None, known

    monkeypatch.setattr(module.BoxProgram, "solve", solve)
    _, lower = prove(costs, pool, np.zeros(1), kept_of)

    assert asked == [pytest.approx(pool.distortion[0] - costs.input_distortion)]
    assert lower[0] == pool.distortion[0]


def test_a_solved_box_bounds_the_boxes_inside_it_alone():
    _, pool, _ = start()
    length, sent, edge_s = int(pool.lengths[0]), int(pool.sent[0]), float(pool.edge_s[0])
    half = float(pool.distortion[0]) / 2

    def bound(*box):
        return module._sharpened(pool, np.zeros(1), module.BoxProof(*box, half))[0]

    assert bound(length, sent, edge_s) == half
    assert bound(length + 1, sent, edge_s) == 0
    assert bound(length, sent - 1, edge_s) == 0
    assert bound(length, sent, edge_s * 0.9) == 0
