"""Limits on mean widths and bit operations, against the formulas on plans."""

import itertools
import math

import numpy as np
import pytest
from brute import small_problem
from picked import costs_of, random_choices, widths_at

from autosplit.graph.bit_counts import bit_operations, mean_activation_bits, mean_weight_bits
from autosplit.search.questions.limits import (
    WidthLimits,
    bops,
    keeps_width_limits,
    width_limit_rows,
)
from autosplit.search.questions.milp import build_milp

SEEDS = range(6)


def counts(problem, choices, m):
    """Mean width of weights and of activations, 0 without any, and bit operations."""
    cut, weights, tensors = widths_at(problem, choices, m)
    return (
        mean_weight_bits(cut, weights) or 0.0,
        mean_activation_bits(cut, tensors) or 0.0,
        bit_operations(cut, weights, tensors),
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_bit_operations_of_many_choices_are_those_of_their_plans(seed):
    problem = small_problem(seed)
    costs = costs_of(problem)
    pool = costs.pool([random_choices(problem, 20, seed)])

    assert bops(costs, pool).tolist() == [counts(problem, pool, m)[2] for m in range(20)]


@pytest.mark.parametrize("name", ["weight_bits", "activation_bits", "bops"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_limit_taken_from_a_choice_is_kept_by_it_and_broken_by_what_has_more(seed, name):
    problem = small_problem(seed)
    costs = costs_of(problem)
    pool = costs.pool([random_choices(problem, 20, seed)])
    place = ["weight_bits", "activation_bits", "bops"].index(name)
    values = np.array([counts(problem, pool, m)[place] for m in range(20)])
    limit = float(np.sort(values)[9])

    kept = keeps_width_limits(costs, pool, WidthLimits(**{name: limit}))
    assert kept.tolist() == (values <= limit).tolist()


def test_all_limits_hold_together_and_none_asks_for_nothing():
    problem = small_problem(2)
    costs = costs_of(problem)
    pool = costs.pool([random_choices(problem, 30)])
    values = np.array([counts(problem, pool, m) for m in range(30)])
    limits = np.median(values, axis=0)

    assert keeps_width_limits(costs, pool, WidthLimits()).all()
    kept = keeps_width_limits(costs, pool, WidthLimits(*limits))
    assert kept.tolist() == (values <= limits).all(axis=1).tolist()
    assert 0 < kept.sum() < 30


@pytest.mark.parametrize("seed", SEEDS)
def test_the_rows_of_a_program_hold_for_what_keeps_the_limits_alone(seed):
    """The spare variables are as small as the rows allow: the bit operations of each layer."""
    problem = small_problem(seed, 5)
    costs = costs_of(problem)
    length = len(problem.graph.layers)
    model = build_milp(costs, length, 0.0)
    tensors = model.choices // model.widths
    every = [np.array(c) for c in itertools.product(range(model.widths), repeat=tensors)][::3]
    values = np.array([counts(problem, model.picked(chosen), 0) for chosen in every])
    for place, name in enumerate(("weight_bits", "activation_bits", "bops")):
        met = float(np.sort(values[:, place])[len(values) // 2])
        for limit in (met, met * 0.9995):  # what passes a limit by half a thousandth breaks its row
            rows = width_limit_rows(model, WidthLimits(**{name: limit}))
            kept = [all(left <= right for left, right in settled(model, rows, c)) for c in every]
            assert kept == (values[:, place] <= limit * (1 + 1e-12)).tolist(), name


def settled(model, rows, chosen):
    """Both sides of each row, with a choice and the least that its rows leave each spare one."""
    value = np.zeros(model.count)
    value[np.arange(len(chosen)) * model.widths + chosen] = 1.0
    for terms, right in rows:
        spare = [place for place, factor in terms.items() if factor == -1.0]
        if spare:
            least = sum(f * value[p] for p, f in terms.items() if p != spare[0]) - right
            value[spare[0]] = max(value[spare[0]], least)
    for terms, right in rows:
        yield sum(factor * value[place] for place, factor in terms.items()), right


@pytest.mark.parametrize("name", ["weight_bits", "activation_bits", "bops"])
@pytest.mark.parametrize("value", [-1, math.nan])
def test_a_limit_that_is_no_number_from_zero_on_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name}: must be a number of at least 0"):
        WidthLimits(**{name: value})


def test_zero_is_a_limit_and_none_is_not():
    assert WidthLimits(bops=0).any
    assert not WidthLimits().any
