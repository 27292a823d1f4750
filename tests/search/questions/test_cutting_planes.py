"""Cutting off what rounding let through."""

from dataclasses import replace

import numpy as np
import pytest
from brute import everything, small_problem

from autosplit.search.questions import cutting_planes as module
from autosplit.search.questions import milp as programs
from autosplit.search.questions.cutting_planes import cover, solve_cut
from autosplit.search.questions.orders import layer_orders
from autosplit.search.questions.question import Question
from autosplit.search.widths.edge_seconds import EdgeSeconds
from autosplit.search.widths.pool import Picked, PoolCosts


@pytest.mark.parametrize("seed", range(20))
def test_what_cuts_off_a_choice_with_too_much_distortion_cuts_off_nothing_that_keeps_it(seed):
    problem = replace(small_problem(5000 + seed, 7), memory_bytes=None)
    count, size = len(problem.graph.layers), len(problem.usable)
    costs = PoolCosts(problem, EdgeSeconds(problem))
    model = programs.build_milp(costs, count, 0.0)
    distortion = np.array([model.distortion[place] for place in range(model.choices)]).reshape(
        -1, size
    )
    grid = np.indices((size,) * len(distortion)).reshape(len(distortion), -1)
    total = distortion[np.arange(len(distortion))[:, None], grid].sum(axis=0)
    most = float(np.quantile(total, 0.3))
    taken = np.zeros((model.choices, grid.shape[1]))
    for row in range(len(distortion)):
        taken[row * size + grid[row], np.arange(grid.shape[1])] = 1.0
    for bad in np.flatnonzero(total > most * 1.001)[:: max(1, grid.shape[1] // 7)]:
        chosen = np.zeros((2, 1, count), dtype=np.intp)
        weights, outputs, _ = programs.place_of(costs, count)
        for role, places in enumerate((weights, outputs)):
            for rank, place in places.items():
                chosen[role, 0, rank] = grid[place // size, bad]
        picked = Picked(np.array([count]), chosen[0], chosen[1])
        terms, right = cover(model, picked, most)
        left = sum(value * taken[place] for place, value in terms.items())
        assert left[bad] > right
        assert (left[total <= most] <= right).all()
        assert (left[total <= most] == right).any() or len(terms) == 1


@pytest.fixture(scope="module")
def asked():
    """A small problem without a memory limit, its only order, and all that all on the edge cost."""
    problem = replace(small_problem(4, 6), memory_bytes=None)
    order = layer_orders(problem, problem.links["slow"], None)[0]
    length = len(problem.graph.layers)
    latency, distortion, *_ = everything(problem, problem.graph.prefix(length), "slow")
    return problem, order, length, np.unique(latency.round(12)), np.unique(distortion)


def programs_of(monkeypatch):
    """The rows of each program that is solved."""
    solved = []

    def solve(model, objective, rows, known, banned):
        solved.append(list(rows))
        return solve_milp(model, objective, rows, known, banned)

    solve_milp = module.solve_milp
    monkeypatch.setattr(module, "solve_milp", solve)
    return solved


@pytest.mark.parametrize("name", ["max_latency_s", "max_distortion"])
@pytest.mark.parametrize("rank", [0, 3, 6])
def test_the_row_of_a_limit_is_as_tight_as_the_limit(asked, monkeypatch, name, rank):
    """To a billionth: what passes a limit by a thousandth is no solution that must be cut off."""
    problem, order, length, latency, distortion = asked
    limit = float((latency if name == "max_latency_s" else distortion)[rank])
    question = Question(problem, "slow", by_distortion=name == "max_latency_s", **{name: limit})
    solved = programs_of(monkeypatch)
    solve_cut(question, order, length, np.inf)
    model = programs.build_milp(order.costs, length, order.byte_s)
    terms = model.seconds if name == "max_latency_s" else model.distortion
    (right,) = (right for row, right in solved[0] if row == terms)
    constant = order.costs.input_distortion
    if name == "max_latency_s":
        constant = float(order.away_s[length]) + length * problem.edge.dispatch_s

    assert limit <= right + constant <= limit * (1 + 2e-9)
