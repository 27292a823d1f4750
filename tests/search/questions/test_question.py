"""What a question asks of candidates: limits, the best of them, and a floor of each cut."""

import math
from dataclasses import replace

import numpy as np
import pytest
from brute import small_problem

from autosplit.errors import DataError, PlanError
from autosplit.search.questions.limits import WidthLimits, keeps_width_limits
from autosplit.search.questions.orders import layer_orders
from autosplit.search.questions.question import Question

LINK = "slow"


@pytest.fixture(scope="module")
def order():
    problem = replace(small_problem(4), memory_bytes=None)
    return layer_orders(problem, problem.links[LINK], None)[0]


def ask(order, **limits):
    return Question(order.costs.problem, LINK, **limits)


def test_candidates_that_pass_a_limit_are_worth_nothing(order):
    """One limit at a time, in the middle of what the candidates have."""
    latency, distortion = order.latency_s(order.pool), order.pool.distortion
    middle = float(np.median(latency)), float(np.median(distortion))
    width = WidthLimits(activation_bits=4)
    cases = {
        "max_latency_s": (middle[0], latency <= middle[0] * (1 + 1e-9)),
        "max_distortion": (middle[1], distortion <= middle[1] * (1 + 1e-9)),
        "limits": (width, keeps_width_limits(order.costs, order.pool, width)),
    }
    for name, (limit, keeps) in cases.items():
        values = ask(order, **{name: limit}).values(order, order.pool)

        assert np.isfinite(values).tolist() == keeps.tolist(), name
        assert np.array_equal(values[keeps], latency[keeps])
        assert 0 < keeps.sum() < len(keeps), name


def test_cuts_that_are_not_asked_for_are_worth_nothing(order):
    length = order.lengths[-1]
    one = replace(order, lengths=(length,))
    values = ask(order).values(one, order.pool)

    assert np.isfinite(values).tolist() == (order.pool.lengths == length).tolist()


@pytest.mark.parametrize("by_distortion", [False, True])
def test_the_best_candidate_has_the_least_value(order, by_distortion):
    latency, distortion = order.latency_s(order.pool), order.pool.distortion
    value, other = (distortion, latency) if by_distortion else (latency, distortion)
    m, least = ask(order, by_distortion=by_distortion).best_of(order)

    assert least == value.min() == value[m]
    assert other[m] == other[value == least].min()


def test_of_equals_the_one_with_less_of_the_other_is_taken():
    """Three candidates of the same seconds: the second has the least distortion, as the third."""
    problem = replace(small_problem(4), memory_bytes=None)
    order = layer_orders(problem, problem.links[LINK], None)[0]
    pool = order.pool.take(np.zeros(3, dtype=np.intp))
    tied = replace(order, pool=replace(pool, distortion=np.array([2.0, 1.0, 1.0])))

    assert ask(order).best_of(tied)[0] == 1


def test_the_floor_of_a_cut_is_below_its_candidates_and_infinite_where_none_can_keep_a_limit(order):
    latency = order.latency_s(order.pool)
    for length in order.lengths:
        mine = order.pool.lengths == length
        distortion, seconds = order.relaxed(length)

        assert ask(order).floor(order, length) == seconds <= latency[mine].min() * (1 + 1e-12)
        assert ask(order, by_distortion=True).floor(order, length) == distortion
        assert ask(order, max_latency_s=seconds).floor(order, length) == seconds
        assert ask(order, max_latency_s=seconds * 0.999).floor(order, length) == math.inf
        assert ask(order, max_distortion=distortion * 0.999).floor(order, length) == math.inf


@pytest.mark.parametrize("name", ["max_distortion", "max_latency_s"])
def test_a_limit_that_is_no_number_is_refused(order, name):
    with pytest.raises(DataError, match=f"{name}: must be a number, got nan"):
        ask(order, **{name: math.nan})


def test_an_unknown_link_is_refused_with_a_suggestion(order):
    with pytest.raises(PlanError, match=r"unknown link 'slwo'.*slow"):
        Question(order.costs.problem, "slwo")
