"""Pinned widths: what a pattern matches, and that every method of ours keeps it."""

import random
from dataclasses import replace

import pytest
from builders import CLOUD, EDGE, LINKS, chain, distortions

from autosplit.errors import PlanError
from autosplit.plan.pins import Pin
from autosplit.search.front.front import OURS
from autosplit.search.methods import search, search_pinned
from autosplit.search.pins import keeps_pins, pin
from autosplit.search.problem import Problem


@pytest.fixture
def problem():
    graph = chain([40, 30, 20, 10, 4], weight=50)
    rng = random.Random(0)
    table = distortions(graph, lambda bits: 4.0**-bits * (0.5 + rng.random()))
    return Problem(graph, table, EDGE, CLOUD, LINKS, 250, (2, 4, 8))


def with_weight(problem):
    """Names of the layers that store a weight."""
    return [layer.name for layer in problem.graph.layers if layer.owns_weight]


@pytest.mark.parametrize("unit", [1.0, 2.0**40, 1e30])
def test_ours_keeps_the_pinned_widths(problem, unit):
    """However large the distortions are: those of a regressor or a broken gradient may be."""
    distortion = {
        k: replace(d, distortion=unit * d.distortion) for k, d in problem.distortions.items()
    }
    problem = replace(problem, distortions=distortion)
    name, bits = with_weight(problem)[0], problem.usable[-1]
    tensor, narrow = problem.graph.layers[-1].name, problem.usable[0]
    pins = [Pin(name, "weight", bits), Pin(tensor, "activation", narrow)]
    plans = search_pinned(problem, pin(problem, pins), (OURS,))

    assert any(plan.edge for plan in plans)
    for plan in plans:
        assert plan.weight_bits.get(name, bits) == bits
        assert plan.activation_bits.get(tensor, narrow) == narrow
        assert plan.distortion == pytest.approx(
            problem.distortion_of(plan.weight_bits, plan.activation_bits)
        )
    assert any(
        plan.weight_bits.get(name, bits) != bits or plan.activation_bits.get(tensor) != narrow
        for plan in search(problem, (OURS,))
    )


def test_a_baseline_stays_what_it_is(problem):
    pinned = pin(problem, [Pin("*", "weight", problem.usable[0])])

    (plan,) = search_pinned(problem, pinned, ("uniform8",))
    assert [plan] == search(problem, ("uniform8",))


def test_of_two_pins_the_last_counts(problem):
    low, high = problem.usable[0], problem.usable[-1]
    name = with_weight(problem)[0]
    pinned = pin(problem, [Pin("*", "weight", high), Pin(name, "weight", low)])

    assert pinned.distortions[name, "weight", low] == problem.distortions[name, "weight", low]
    assert pinned.distortions[name, "weight", high].distortion > 1e5


def test_a_pattern_that_matches_nothing_is_an_error(problem):
    with pytest.raises(PlanError, match=r"pin nosuch\*:weight=\d+: no layer matches"):
        pin(problem, [Pin("nosuch*", "weight", problem.usable[0])])


def test_a_width_that_may_not_be_used_is_an_error(problem):
    with pytest.raises(PlanError, match="must be one that may be used"):
        pin(problem, [Pin("*", "weight", 11)])


def test_a_plan_keeps_the_pins_if_it_takes_no_other_width_and_no_float(problem):
    name, other = with_weight(problem)[:2]
    pinned = pin(problem, [Pin(name, "weight", 4)])
    plan = search(problem, ("uniform4",))[0]

    assert keeps_pins(plan, problem, pinned)
    wide = replace(plan, weight_bits={**plan.weight_bits, name: 8})
    assert not keeps_pins(wide, problem, pinned)
    assert keeps_pins(replace(plan, weight_bits={**plan.weight_bits, other: 8}), problem, pinned)
    assert not keeps_pins(replace(plan, activation_bits={name: 32}), problem, pinned)
