"""What layers store, by hand, and the best widths of weights against trying all of them."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from brute import small_problem
from builders import LINKS, chain, diamond, distortions, falling, table_device

from autosplit.search.problem import Problem
from autosplit.search.widths.weights import best_weights, parameters_of


def problem_of(graph):
    edge = table_device({layer.name: 1.0 for layer in graph.layers})
    return Problem(
        graph, distortions(graph, falling), edge, replace(edge, name="cloud"), LINKS, None, (2, 8)
    )


def test_a_shared_weight_is_stored_once_where_it_is_first_used():
    """a: 100 weights and 2 floats; b: 50 weights; out reads b's weight, and stores one float."""
    found = parameters_of(problem_of(diamond()))

    assert found.rank.tolist() == [0, 1, 3]
    assert found.rows.tolist() == [0, 1, 2, 2, 3]
    assert found.size.tolist() == [[25 + 8, 100 + 8], [13, 50], [4, 4]]
    assert found.distortion[:2].tolist() == [[falling(2), falling(8)]] * 2
    assert found.distortion[2].tolist() == [0.0, 0.0]
    assert found.most_bytes == 108 + 50 + 4


@pytest.mark.parametrize("seed", range(6))
def test_every_prefix_has_the_least_distortion_within_every_budget(seed):
    parameters = parameters_of(small_problem(seed))
    budgets = np.array([0, parameters.most_bytes // 3, parameters.most_bytes])
    found = best_weights(parameters, budgets)

    for length, rows in enumerate(parameters.rows):
        for k, budget in enumerate(budgets):
            rank = np.arange(rows)
            totals = [
                (parameters.distortion[rank, choice].sum(), choice)
                for choice in itertools.product(range(3), repeat=int(rows))
                if parameters.size[rank, choice].sum() <= budget
            ]
            if not totals:
                assert found.distortion[length, k] == np.inf
                continue
            least = min(totals)[0]
            assert found.distortion[length, k] == pytest.approx(least, abs=1e-15)
            assert found.lower[length, k] == pytest.approx(least, abs=1e-15)
            chosen = found.widths(length, np.array([k]))[0, parameters.rank[:rows]]
            assert parameters.size[rank, chosen].sum() <= budget
            assert parameters.distortion[rank, chosen].sum() == pytest.approx(least, abs=1e-15)


def test_without_anything_stored_every_budget_from_zero_on_will_do():
    parameters = parameters_of(problem_of(chain([4, 4, 4])))
    found = best_weights(parameters, np.array([-1, 0, 5]))

    assert parameters.most_bytes == 0
    assert found.distortion.tolist() == [[np.inf, 0.0, 0.0]] * 3
    assert found.widths(2, np.array([1, 0, 1])).tolist() == [[0, 0]] * 3
