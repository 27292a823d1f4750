"""Partial solutions of a knapsack against all choices there are."""

import itertools

import numpy as np
import pytest

from autosplit.search.knapsack import dynamic_programming as module
from autosplit.search.knapsack.dynamic_programming import (
    MOST_STATES,
    extended,
    share,
    start,
    traced,
)
from autosplit.search.knapsack.relaxation import relax

NO_CEILING = np.array([0, 10**9]), np.array([np.inf, np.inf])


def instance(seed, layers=5, choices=3):
    rng = np.random.default_rng(seed)
    cost = np.sort(rng.integers(0, 9, (layers, choices)), axis=1)
    return relax(-np.sort(-rng.random((layers, choices)), axis=1), cost)


def history_of(one, ceiling=NO_CEILING, most=MOST_STATES):
    history, current = [], start(0, 0.0)
    for layer, distortion in enumerate(one.distortion):
        options = np.flatnonzero(np.isfinite(distortion))
        current = extended(current, one, layer, options, ceiling, most)
        history.append(current)
    return history


def points(one):
    """Cost and distortion of every choice of all layers."""
    choices = [np.flatnonzero(np.isfinite(row)) for row in one.distortion]
    rows = np.arange(len(choices))
    for choice in itertools.product(*choices):
        yield one.cost[rows, choice].sum(), one.distortion[rows, choice].sum()


@pytest.mark.parametrize("seed", range(6))
def test_the_states_are_all_that_nothing_beats(seed):
    one = instance(seed)
    last = history_of(one)[-1]
    least = {}
    for spent, distortion in points(one):
        least[spent] = min(distortion, least.get(spent, np.inf))
    want = []
    for spent in sorted(least):
        if not want or least[spent] < want[-1][1] - 1e-12:
            want.append((spent, least[spent]))

    # of states of one cost the last one is the best
    best = np.append(np.flatnonzero(np.diff(last.spent)), len(last.spent) - 1)
    assert last.spent[best].tolist() == [spent for spent, _ in want]
    np.testing.assert_allclose(last.distortion[best], [distortion for _, distortion in want])
    assert (np.diff(last.spent) >= 0).all()
    assert (np.diff(last.distortion) < 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_traced_choices_cost_what_their_states_say(seed):
    one = instance(seed)
    history = history_of(one)
    every = np.arange(len(history[-1].spent))
    choices = traced(history, every)
    rows = np.arange(len(one.base))

    assert choices.shape == (len(every), len(history))
    for state, choice in zip(every, choices, strict=True):
        assert one.cost[rows, choice].sum() == history[-1].spent[state]
        total = one.distortion[rows, choice].sum()
        assert total == pytest.approx(history[-1].distortion[state])


def test_what_is_above_the_ceiling_or_beyond_its_last_cost_is_left_out():
    """One layer, costs 0, 1, 2, 3: at cost 1 the ceiling is 4 (0.5 more is too much)."""
    one = relax(np.array([[9.0, 4.5, 2.0, 1.0]]), np.array([[0, 1, 2, 3]]))
    ceiling = np.array([0, 2]), np.array([6.0, 2.0])
    found = extended(start(0, 0.0), one, 0, np.arange(4), ceiling, 10)

    assert found.spent.tolist() == [0, 2]  # the cheapest stays, above the ceiling or not
    assert found.dropped is None


def test_of_too_many_states_those_of_most_room_are_kept_and_the_rest_is_told():
    """Half of 4 by room: 0, whose room counts as infinite, and 2; of costs 5..9 the best is 6."""
    one = relax(np.linspace(10.0, 1.0, 10)[None], np.arange(10)[None])
    room = np.array([5, 1, 9, 2, 8, 3, 7, 4, 6, 0])
    ceiling = np.arange(10), one.distortion[0] + room
    found = extended(start(0, 0.0), one, 0, np.arange(10), ceiling, 4)

    assert found.spent.tolist() == [0, 2, 6]
    assert sorted([*found.spent, *found.dropped[0]]) == list(range(10))


def test_the_share_falls_when_the_history_grows(monkeypatch):
    few = start(0, 0.0)
    assert share([few]) == MOST_STATES
    monkeypatch.setattr(module, "_MOST_HISTORY", 64 * 5000)
    assert share([few] * 64) == 4999
    monkeypatch.setattr(module, "_MOST_HISTORY", 0)
    assert share([few]) == 1000  # so few are always followed
