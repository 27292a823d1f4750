"""Seconds of nodes and layers, from events of onnxruntime's profiler; a real one at the end."""

import itertools

import pytest

from autosplit.deploy import node_seconds
from autosplit.deploy.node_seconds import (
    WARM_RUNS,
    half_interval,
    layer_times,
    measure_nodes,
    node_medians,
    shared_rest,
)
from autosplit.errors import DataError


def event(name, micros, cat="Node"):
    return {"cat": cat, "name": name, "dur": micros}


def test_medians_leave_the_warm_runs_and_other_events_out():
    warm = [event("a_kernel_time", 900)] * WARM_RUNS
    counted = [event("a_kernel_time", micros) for micros in (5, 1, 3)]
    others = [event("a_fence_before", 7), event("run", 99, "Session")]

    assert node_medians([*warm, *counted, *others]) == {"a": pytest.approx(3e-6)}


def test_the_interval_of_the_median_is_that_of_the_order_statistics():
    # 100 values 1..100: ranks 40 and 60 from 0, values 41 and 61, median 50.5
    assert half_interval(range(1, 101)) == pytest.approx((61 - 41) / 2 / 50.5)
    assert half_interval([2.0] * 30) == 0


def test_nodes_are_added_up_by_layer_and_foreign_ones_go_to_the_layer_before():
    nodes = {"reorder": 1.0, "a": 2.0, "swap": 4.0, "b_nchwc": 8.0, "b2_token_3": 16.0}
    owner = {"a": "one", "b": "two", "b2": "two", "swap": None}

    found = layer_times(nodes, owner, ["one", "two", "three"])

    assert found.layers == {"one": 7.0, "two": 24.0, "three": 0.0}
    assert found.foreign == {"reorder": 1.0, "swap": 4.0}


def test_what_the_whole_takes_beyond_its_nodes_is_shared_among_them():
    assert shared_rest({"a": 1.0, "b": 3.0}, 5.0) == {"a": 1.5, "b": 3.5}
    assert shared_rest({"a": 1.0}, 0.5) == {"a": 1.0}


@pytest.fixture
def model():
    """y = relu(x), as ONNX."""
    helper = pytest.importorskip("onnx.helper")
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"], name="relu")],
        "g",
        [helper.make_tensor_value_info("x", 1, ["n", 4])],
        [helper.make_tensor_value_info("y", 1, ["n", 4])],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()


def test_a_real_model_is_measured(model, monkeypatch):
    monkeypatch.setattr(node_seconds, "NOISY", float("inf"))
    monkeypatch.setattr(node_seconds, "MOST_RUNS", 30)

    found = measure_nodes(model)

    assert list(found.nodes) == ["relu"]
    assert found.runs == 30 or found.spread < node_seconds.NARROW
    assert 0 < found.whole_s < 1


def test_runs_that_differ_too_much_are_refused(model, monkeypatch):
    times = itertools.cycle([1e-3, 1e-3, 9e-3, 9e-3])
    monkeypatch.setattr(node_seconds, "_run", lambda *_: list(itertools.islice(times, 40)))

    with pytest.raises(DataError, match=r"within \d+ % only; stop other programs"):
        measure_nodes(model)
