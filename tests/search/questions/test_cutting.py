"""Cutting off what rounding let through."""

from dataclasses import replace

import numpy as np
import pytest
from brute import (
    small_problem,
)

from autosplit.search.questions import milp as programs
from autosplit.search.questions.cutting import cover
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
