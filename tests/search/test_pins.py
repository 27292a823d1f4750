"""Pinned widths: what a pattern matches, and that every method of ours keeps it."""

import random
from dataclasses import replace

import pytest
from builders import CLOUD, EDGE, LINKS, chain, distortions

from autosplit.errors import FileError, PlanError
from autosplit.search.front.front import OURS
from autosplit.search.methods import search, search_pinned
from autosplit.search.pins import Override, parse_override, pin, read_request
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
    pins = [Override(name, "weight", bits), Override(tensor, "activation", narrow)]
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
    pinned = pin(problem, [Override("*", "weight", problem.usable[0])])

    (plan,) = search_pinned(problem, pinned, ("uniform8",))
    assert [plan] == search(problem, ("uniform8",))


def test_of_two_pins_the_last_counts(problem):
    low, high = problem.usable[0], problem.usable[-1]
    name = with_weight(problem)[0]
    pinned = pin(problem, [Override("*", "weight", high), Override(name, "weight", low)])

    assert pinned.distortions[name, "weight", low] == problem.distortions[name, "weight", low]
    assert pinned.distortions[name, "weight", high].distortion > 1e5


def test_a_pattern_that_matches_nothing_is_an_error(problem):
    with pytest.raises(PlanError, match=r"override nosuch\*:weight=\d+: no layer matches"):
        pin(problem, [Override("nosuch*", "weight", problem.usable[0])])


def test_a_width_that_may_not_be_used_is_an_error(problem):
    with pytest.raises(PlanError, match="must be one that may be used"):
        pin(problem, [Override("*", "weight", 11)])


@pytest.mark.parametrize(
    "text", ["a", "a:weight", "a:wieght=8", ":weight=8", "a:weight=8.5", "a:weight=-2"]
)
def test_what_is_no_pin_is_refused(text):
    with pytest.raises(PlanError, match="override: must be PATTERN:weight=BITS"):
        parse_override(text)


def test_a_pattern_may_hold_a_colon():
    assert parse_override("a:b:activation=4") == Override("a:b", "activation", 4)


def test_a_request_file_is_read_as_its_pins(tmp_path):
    path = tmp_path / "request.yaml"
    path.write_text("overrides: {'features.0.*': {weight: 8, activation: 6}, b: {weight: 2}}")

    assert read_request(path) == (
        "features.0.*:weight=8",
        "features.0.*:activation=6",
        "b:weight=2",
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{}", "missing key 'overrides'"),
        ("overrides: 3", "overrides: must be a mapping, got 3"),
        ("overrides: {a: {wieght: 8}}", "unknown key 'wieght', did you mean 'weight'"),
        ("overrides: {a: {weight: x}}", "weight: must be a whole number of bits, got 'x'"),
        ("overrides: {a: 8}", "a: must be a mapping, got int"),
    ],
)
def test_a_request_that_says_something_else_is_refused(tmp_path, text, problem):
    path = tmp_path / "request.yaml"
    path.write_text(text)

    with pytest.raises(FileError, match=problem):
        read_request(path)
