"""Models measured by the script that needs numpy and onnxruntime alone."""

import ast
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from autosplit.deploy import measure_models
from autosplit.deploy.measure_models import WARM_RUNS, half_interval, measure_asked, node_medians


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


def test_the_script_imports_nothing_of_autosplit():
    tree = ast.parse(Path(measure_models.__file__).read_text())
    names = [
        name
        for node in ast.walk(tree)
        for name in (
            [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    ]
    kept = {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names)
    assert kept == {"numpy", "onnxruntime"}


@pytest.fixture
def folder(tmp_path):
    """y = relu(x), as ONNX, with another input that is not read."""
    helper = pytest.importorskip("onnx.helper")
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"], name="relu")],
        "g",
        [
            helper.make_tensor_value_info("x", 1, ["n", 4]),
            helper.make_tensor_value_info("i", 7, []),
        ],
        [helper.make_tensor_value_info("y", 1, ["n", 4])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    return tmp_path


@pytest.mark.parametrize("arguments", [[], ["--whole"]])
def test_a_folder_is_measured(folder, monkeypatch, arguments):
    monkeypatch.setattr(measure_models, "MOST_RUNS", 30)
    monkeypatch.setattr(sys, "argv", ["measure_models.py", str(folder), *arguments])

    measure_asked()
    measure_asked()  # what the first made is no model to measure

    found = json.loads((folder / "result.json").read_text())
    assert list(found["models"]) == ["a"]
    one = found["models"]["a"]
    assert list(one["nodes"]) == ([] if arguments else ["relu"])
    assert one["runs"] == 30
    assert 0 < one["whole_s"] < 1


def test_the_fastest_pass_of_each_model_counts(folder, monkeypatch):
    (folder / "b.onnx").write_bytes((folder / "a.onnx").read_bytes())
    seconds = iter([5.0, 1.0, 3.0, 2.0, 4.0, 3.0])  # a, b, a, b, a, b
    order = []

    def one(path, *_, nodes):
        order.append(path.stem)
        return {"whole_s": next(seconds), "nodes": nodes}

    monkeypatch.setattr(measure_models, "measure_model", one)

    found = measure_models.measure_folder(folder, 1, 1.0, 3, nodes=True)

    assert order == ["a", "b"] * 3
    assert {name: one["whole_s"] for name, one in found["models"].items()} == {"a": 3.0, "b": 1.0}


def test_a_reference_runs_beside_and_is_no_model(folder, monkeypatch):
    monkeypatch.setattr(measure_models, "MOST_RUNS", 20)
    (folder / measure_models.BESIDE_FILE).write_bytes((folder / "a.onnx").read_bytes())

    found = measure_models.measure_folder(folder, 1, 9.0, nodes=True)

    assert list(found["models"]) == ["a"]
    assert sorted(found["files"]) == ["a.onnx", "reference.onnx"]
    assert 0 < found["models"]["a"]["reference_s"] < 1


def test_the_checksum_is_of_all_but_itself():
    found = {"models": {"a": 1.5}, "threads": 1}
    told = measure_models.checksum(found)

    assert measure_models.checksum(found | {"checksum": told}) == told
    assert measure_models.checksum(found | {"threads": 2}) != told
    assert told == hashlib.sha256(b'{"models": {"a": 1.5}, "threads": 1}').hexdigest()


def test_rounds_with_and_without_the_profiler_take_turns(monkeypatch):
    order = []

    class Session:
        def __init__(self, name):
            self.name = name

        def run(self, *_):
            order.append(self.name)

    monkeypatch.setattr(measure_models, "MOST_RUNS", 20)
    measure_models._rounds(Session("plain"), Session("profiled"), {}, 60)

    warm, each = WARM_RUNS, measure_models.ROUND
    assert order[: 2 * warm] == ["plain"] * warm + ["profiled"] * warm
    assert order[2 * warm :] == (["plain"] * each + ["profiled"] * each) * 2


def test_inputs_are_the_same_numbers_each_time():
    class Input:
        name, shape, type = "x", ["n", 3], "tensor(float)"

    class Session:
        def get_inputs(self):
            return [Input]

    found = measure_models.random_inputs(Session())["x"]
    np.testing.assert_array_equal(found, np.random.default_rng(0).normal(size=(1, 3)).astype("f4"))
