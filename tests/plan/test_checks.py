"""Checks of a plan file: each wrong value is named, with its place and what must hold."""

from pathlib import Path

import pytest

from autosplit.plan.checks import grid_problems, plan_problems

PATH = Path("p.yaml")
PLAN = {
    "name": "mine",
    "method": "autosplit",
    "model": "toy",
    "graph_sha256": "ab12",
    "edge": ["a"],
    "distortion": 0.25,
    "lower_bound": 0,
    "cloud_bits": 16,
    "predictions": {"3mbps": {"edge_s": 0.1, "transfer_s": 0, "cloud_s": 2, "latency_s": 2.1}},
    "baseline": {"name": "cloud16", "latency_s": {"3mbps": 0.9}},
}
ORIGIN = {"request": "12", "finishing": "34", "result": "56"}
GRID = {"bits": 3, "scale": [1.0, 0.5], "zero_point": [0, 7]}


def problems_of(change):
    return plan_problems({**PLAN, **change}, PATH)


def grid_problem(change, channels=2):
    (problem,) = grid_problems({"a": {**GRID, **change}}, {"a": channels}, "here")
    return problem


def test_a_plan_as_it_is_written_has_no_problem():
    assert problems_of({}) == []
    assert problems_of({"finished": ORIGIN, "equalized": True, "weights_sha256": "12ab"}) == []
    assert grid_problems({"a": GRID}, {"a": 2}, "here") == []


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("name", 3, "name: must be text, got 3"),
        ("weights_sha256", 12, "weights_sha256: must be text, got 12"),
        ("distortion", "low", "distortion: must be a finite number, got 'low'"),
        ("lower_bound", float("nan"), "lower_bound: must be a finite number, got nan"),
        ("edge", "a", "edge: must be a list of layers, got 'a'"),
        ("edge", [1], "edge: must be a list of layers, got [1]"),
        ("cloud_bits", 7, "cloud_bits: must be 8, 16 or 32, got 7"),
        ("cloud_bits", 16.0, "cloud_bits: must be 8, 16 or 32, got 16.0"),
        ("equalized", "yes", "equalized: must be true or false, got 'yes'"),
        ("predictions", [], "predictions: must be a mapping, got []"),
        ("baseline", None, "baseline: must be a mapping, got NoneType"),
        (
            "baseline",
            {"name": 1, "latency_s": {}},
            "baseline: name: must be text, got 1",
        ),
        (
            "baseline",
            {"name": "", "latency_s": {"lte": -1}},
            "baseline: latency_s: must be numbers >= 0 by link, got {'lte': -1}",
        ),
        ("finished", {**ORIGIN, "result": 5}, "finished: result: must be text, got 5"),
        ("finished", {"request": "1", "result": "2"}, "finished: missing key 'finishing'"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(key, value, problem):
    assert problems_of({key: value}) == [f"p.yaml: {problem}"]


def test_wrong_seconds_are_named_link_by_link():
    seconds = {"edge_s": -1, "transfer_s": 0, "cloud_s": "x", "latency_s": 1}

    assert problems_of({"predictions": {"lte": seconds, "3mbps": {"edge_s": 1}}}) == [
        "p.yaml: predictions: lte: edge_s must be a number >= 0, got -1",
        "p.yaml: predictions: lte: cloud_s must be a number >= 0, got 'x'",
        "p.yaml: predictions: 3mbps: missing key 'cloud_s'",
        "p.yaml: predictions: 3mbps: missing key 'latency_s'",
        "p.yaml: predictions: 3mbps: missing key 'transfer_s'",
    ]


@pytest.mark.parametrize("bits", [0, 9, 17, -1, "eight", True, 4.0, None])
def test_a_width_out_of_range_is_named(bits):
    assert grid_problem({"bits": bits}) == (
        f"here: a: bits must be a whole number, 1 to 8, got {bits!r}"
    )


@pytest.mark.parametrize(
    "step", [0.0, -1.0, 1e-46, 1e39, float("nan"), float("inf"), "1", True, None]
)
def test_a_step_that_is_no_positive_float32_is_named(step):
    assert grid_problem({"scale": [1.0, step]}) == (
        "here: a: scale must be a list of 2 numbers > 0 in the range of float32, "
        f"got {[1.0, step]!r}"
    )


@pytest.mark.parametrize("zero", [[0, 8], [-1, 0], [1.0, 0], [True, 0], [0], 0])
def test_a_zero_point_must_be_an_integer_of_its_width(zero):
    assert grid_problem({"zero_point": zero}) == (
        f"here: a: zero_point must be a list of 2 whole numbers from 0 to 7 at 3 bits, got {zero!r}"
    )


@pytest.mark.parametrize("bits", range(1, 9))
def test_the_highest_integer_of_a_width_is_its_last_zero_point(bits):
    entry = {"bits": bits, "scale": [1], "zero_point": [2**bits - 1]}
    beyond = {**entry, "zero_point": [2**bits]}

    assert grid_problems({"a": entry}, {"a": 1}, "here") == []
    assert len(grid_problems({"a": beyond}, {"a": 1}, "here")) == 1


@pytest.mark.parametrize("bits", [16, 32])
def test_floats_have_neither_scale_nor_zero_point(bits):
    entry = {"bits": bits, "scale": [], "zero_point": []}

    assert grid_problems({"a": entry}, {"a": 2}, "here") == []
    assert len(grid_problems({"a": {**entry, "scale": [1.0, 1.0]}}, {"a": 2}, "here")) == 1


def test_every_problem_is_named_at_once():
    data = {
        "a": {**GRID, "bits": 17},
        "b": {"bits": 5, "scale": [0.5], "zero_point": [16, 32, 1]},
        "c": {"bits": 5, "zero_point": []},
    }

    whole = "must be a list of 3 whole numbers from 0 to 31 at 5 bits"
    assert grid_problems(data, {"a": 2, "b": 3, "c": 1}, "here") == [
        "here: a: bits must be a whole number, 1 to 8, got 17",
        "here: b: scale must be a list of 3 numbers > 0 in the range of float32, got [0.5]",
        f"here: b: zero_point {whole}, got [16, 32, 1]",
        "here: c: missing key 'scale'",
    ]


def test_a_tensor_too_many_and_one_too_few_are_named():
    assert grid_problems({"bb": GRID}, {"b": 2}, "here") == [
        "here: unknown key 'bb', did you mean 'b'?",
        "here: missing key 'b'",
    ]
