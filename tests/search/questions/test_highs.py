"""What HiGHS is given and what is made of what it says, by programs small enough to try all."""

import itertools
import math
import os
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.optimize
from scipy.optimize import OptimizeResult

from autosplit.search.questions import highs
from autosplit.search.questions.highs import solve_milp

NOTHING = np.zeros(4, dtype=bool)


@dataclass
class Toy:
    """A model of two tensors with two widths each, and no spare variables."""

    rows: tuple = ()
    count: int = 4
    choices: int = 4
    widths: int = 2

    def picked(self, chosen):
        return chosen.tolist()


def least(objective, rows, banned=NOTHING):
    """Best value over the four choices, and the choice, by trying all."""
    best = math.inf, None
    for chosen in itertools.product((0, 1), repeat=2):
        taken = {2 * tensor + b for tensor, b in enumerate(chosen)}
        if any(banned[place] for place in taken):
            continue
        if all(sum(t.get(p, 0.0) for p in taken) <= most for t, most in rows):
            best = min(best, (sum(objective[p] for p in taken), list(chosen)))
    return best


@pytest.mark.parametrize("unit", [1e-30, 1e-9, 1.0, 1e9, 1e100, 1e300])
@pytest.mark.parametrize("known", [False, True])
def test_objectives_of_any_size_are_solved(unit, known):
    objective = dict(enumerate(unit * np.array([3.0, 1.0, 2.0, 5.0])))
    rows = [({1: 1.0, 2: 1.0}, 1.0)]  # not both
    value, chosen = least(objective, rows)
    got = solve_milp(Toy(), objective, rows, 2 * value if known else math.inf, NOTHING)
    assert got.picked == chosen
    assert got.lower == pytest.approx(value, rel=1e-8)


@pytest.mark.parametrize("huge", [1e20, 1e100, 1e300])
def test_choices_that_are_ruled_out_do_not_set_the_scale(huge):
    objective = {0: 1.0, 1: 3.0, 2: huge, 3: 2.0}
    rows = [({0: 1.0, 2: huge, 3: 0.0}, 0.5)]
    banned = np.array([False, False, True, False])
    got = solve_milp(Toy(), objective, rows, 10.0, banned)
    assert got.picked == [1, 1]
    assert got.lower == pytest.approx(5.0)


def test_a_tensor_without_a_choice_left_has_no_solution():
    got = solve_milp(Toy(), dict.fromkeys(range(4), 1.0), [], 9.0, np.array([1, 1, 0, 0], bool))
    assert (got.picked, got.lower) == (None, 9.0)


def test_nothing_below_the_known_value_is_said_by_that_value():
    objective = {0: 1.0, 1: 3.0, 2: 4.0, 3: 2.0}
    got = solve_milp(Toy(), objective, [], 2.9, NOTHING)
    assert (got.picked, got.lower) == (None, 2.9)


@pytest.mark.parametrize("second", [1e-9, 1e-6, 1.0, 1e6])
def test_variables_that_are_not_choices_are_exact_whatever_their_unit(second):
    """A layer takes 3, 5 or 7 units, more with either choice; the limit lies between 5 and 7."""
    model = Toy(rows=(({4: -1.0, 1: 2 * second, 3: 2 * second}, -3 * second),), count=5, choices=4)
    objective = {0: 5.0, 1: 0.0, 2: 5.0, 3: 1.0, 4: 0.0}
    for limit, value in ((7.0, 1.0), (6.9999, 5.0), (5.0, 5.0), (4.9999, 10.0)):
        got = solve_milp(model, objective, [({4: 1.0}, limit * second)], math.inf, NOTHING)
        assert sum(objective[2 * tensor + b] for tensor, b in enumerate(got.picked)) == value
        assert got.lower == pytest.approx(value)


@pytest.mark.parametrize(("status", "lower"), [(1, 0.0), (3, 0.0), (4, 0.0), (2, 7.0)])
def test_only_the_status_infeasible_proves_that_there_is_nothing(monkeypatch, status, lower):
    """Without a solution and a bound, any other status leaves everything possible."""
    result = OptimizeResult(status=status, x=None, mip_dual_bound=None)
    monkeypatch.setattr(scipy.optimize, "milp", lambda *args, **more: result)
    got = solve_milp(Toy(), dict.fromkeys(range(4), 1.0), [], 7.0, NOTHING)
    assert (got.picked, got.lower) == (None, lower)


def test_a_bound_without_a_solution_is_kept_in_the_objective_s_own_unit(monkeypatch):
    result = OptimizeResult(status=1, x=None, mip_dual_bound=500.0)
    monkeypatch.setattr(scipy.optimize, "milp", lambda *args, **more: result)
    got = solve_milp(Toy(), dict.fromkeys(range(4), 1.0), [], 8.0, NOTHING)
    assert (got.picked, got.lower) == (None, 4.0)  # the known value is 1000 to HiGHS


def test_the_solver_s_own_talk_never_reaches_stdout(capfd):
    with highs.silenced():
        os.write(1, b"talk of the solver")
    os.write(1, b"result")
    assert capfd.readouterr().out == "result"
