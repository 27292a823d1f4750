"""The program of one cut says what each choice costs, without a solver."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from brute import DEVICES, coded_problem, small_problem
from builders import EDGE
from picked import costs_of, plan_at

from autosplit.search.questions.milp import build_milp, place_of

SEEDS = range(5)


def whole(seed, edge=EDGE, make=small_problem):
    """A small problem without a memory limit, its tables, and the program of all on the edge."""
    problem = replace(make(seed, 6), memory_bytes=None, edge=edge)
    costs = costs_of(problem)
    return problem, costs, build_milp(costs, len(problem.graph.layers), 0.25)


def choices_of(model, count=40):
    """Some of all choices, spread."""
    tensors = model.choices // model.widths
    every = model.widths**tensors
    for number in range(0, every, max(1, every // count)):
        yield np.array(np.unravel_index(number, (model.widths,) * tensors))


def least(model, chosen):
    """Values of all variables at a choice: all but the choices as small as their rows allow."""
    value = np.zeros(model.count)
    value[np.arange(len(chosen)) * model.widths + chosen] = 1.0
    for terms, right in model.rows:
        (free,) = (place for place, factor in terms.items() if place >= model.choices)
        assert terms[free] == -1.0
        rest = sum(factor * value[place] for place, factor in terms.items() if place != free)
        value[free] = max(value[free], rest - right)
    return value


def total(terms, value):
    return sum(factor * value[place] for place, factor in terms.items())


@pytest.mark.parametrize("device", range(len(DEVICES)))
@pytest.mark.parametrize("seed", SEEDS)
def test_the_least_that_the_rows_allow_is_what_a_plan_costs(seed, device):
    """Narrow widths fast, traffic that counts, and 4 bits slower than 8."""
    problem, _, model = whole(seed, DEVICES[device])
    dispatch_s = len(problem.graph.layers) * problem.edge.dispatch_s
    inputs = dict.fromkeys(problem.graph.inputs, problem.input_bits)
    for chosen in choices_of(model):
        plan = plan_at(problem, model.picked(chosen), 0)
        value = least(model, chosen)
        edge_s = next(iter(plan.predictions.values())).edge_s

        # all on the edge: no bytes are sent
        assert total(model.seconds, value) + dispatch_s == pytest.approx(edge_s, rel=1e-12)
        assert total(model.memory, value) == plan.edge_memory_bytes
        distortion = total(model.distortion, value) + problem.distortion_of({}, inputs)
        assert distortion == pytest.approx(plan.distortion, rel=1e-12)


@pytest.mark.parametrize("make", [small_problem, coded_problem])
@pytest.mark.parametrize("seed", range(8))
def test_bytes_that_cross_take_seconds(seed, make):
    """One layer less on the edge: what crosses is paid for at 0.25 s a byte of the wire."""
    problem, costs, _ = whole(seed, make=make)
    length = max(1, len(problem.graph.layers) - 1)
    model = build_milp(costs, length, 0.25)
    free = build_milp(costs, length, 0.0)
    for chosen in choices_of(model, 15):
        plan = plan_at(problem, model.picked(chosen), 0)
        inputs = sum(
            -(-problem.graph.elements(name) * problem.input_bits // 8)
            for name in problem.graph.prefix(length).crossing
            if name in problem.graph.inputs
        )
        value = least(model, chosen)
        paid = total(model.seconds, value) - total(free.seconds, value)
        assert paid == pytest.approx(0.25 * (plan.crossing_bytes - inputs))


@pytest.mark.parametrize("seed", range(3))
def test_a_memory_limit_is_a_row(seed):
    problem, costs, model = whole(seed)
    limit = 40
    limited = build_milp(replace(costs, problem=replace(problem, memory_bytes=limit)), 1, 0.0)

    assert limited.rows[-1] == (limited.memory, float(limit))
    assert all(terms != model.memory for terms, _ in model.rows)


@pytest.mark.parametrize("seed", range(3))
def test_a_choice_and_its_widths_are_told_from_each_other(seed):
    _, costs, model = whole(seed)
    for chosen in choices_of(model, 10):
        assert model.chosen(model.picked(chosen)).tolist() == chosen.tolist()
    weights, outputs, count = place_of(costs, model.length)
    places = [first + b for first in (*weights.values(), *outputs.values()) for b in range(3)]

    assert sorted(places) == list(range(count))
    assert model.by_tensor().shape == (count // 3, 3)


def test_what_each_tensor_alone_brings_is_its_distortion_by_width():
    problem, costs, model = whole(1)
    weights, outputs, _ = place_of(costs, model.length)
    layers = problem.graph.layers
    for role, places in (("weight", weights), ("activation", outputs)):
        for (rank, place), (b, bits) in itertools.product(
            places.items(), enumerate(problem.usable)
        ):
            layer = layers[rank]
            stored = role == "activation" or layer.owns_weight  # or a bias alone
            want = problem.distortions[layer.name, role, bits].distortion if stored else 0.0
            assert model.by_tensor()[place // 3, b] == want
