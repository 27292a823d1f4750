"""Seconds of layers from those of nodes."""

import json

import pytest

from autosplit.deploy import node_seconds
from autosplit.deploy.node_seconds import (
    BETWEEN_S,
    layer_times,
    measure_fresh,
    read_measured,
    scaled_nodes,
)
from autosplit.errors import DataError


def test_nodes_are_added_up_by_layer_and_foreign_ones_go_to_the_layer_after():
    nodes = {"reorder": 1.0, "one|0_nchwc": 2.0, "swap": 4.0, "two|1": 8.0, "two|2_token_3": 16.0}

    found = layer_times({**nodes, "last": 32.0}, ["one", "two", "three"])

    assert found.layers == {"one": 3.0, "two": 60.0, "three": 0.0}
    assert found.foreign == {"reorder": 1.0, "swap": 4.0, "last": 32.0}


def test_a_node_of_an_input_is_charged_to_the_layer_after():
    assert layer_times({"x|0": 1.0, "a|1": 2.0}, ["a"]).layers == {"a": 3.0}
    assert layer_times({"Transpose": 1.0}, ["a", "b"]).layers == {"a": 0.0, "b": 1.0}


def test_work_between_kernels_is_shared_equally():
    nodes = {"a": 1e-3, "b": 3e-3}
    assert scaled_nodes(nodes, 4e-3 + BETWEEN_S) == pytest.approx(
        {"a": 1e-3 + BETWEEN_S / 2, "b": 3e-3 + BETWEEN_S / 2}
    )


@pytest.mark.parametrize("whole", [2.0, 6.0])
def test_nodes_are_scaled_down_and_up_to_the_whole(whole):
    found = scaled_nodes({"a": 1.0, "b": 3.0}, whole)

    assert sum(found.values()) == pytest.approx(whole)
    assert found["b"] / found["a"] == pytest.approx(3, rel=1e-4)


def measured(spread):
    one = {"whole_s": 2e-3, "spread": spread, "runs": 40, "nodes": {"a|0": 1e-3}}
    return {"models": {"8": one}}


def test_what_the_script_wrote_is_read():
    (one,) = read_measured(measured(0.01)).values()
    assert (one.whole_s, one.spread, one.runs, one.nodes) == (2e-3, 0.01, 40, {"a|0": 1e-3})


def test_runs_that_differ_too_much_are_refused():
    with pytest.raises(DataError, match="within 30 % only; stop other programs"):
        read_measured(measured(0.3))


def test_a_process_that_fails_is_an_error_of_one_line(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"no model")
    with pytest.raises(DataError, match=r"^profile: onnxruntime must run the network, [^\n]+$"):
        measure_fresh(tmp_path)


def test_the_process_is_asked_for_what_is_wanted(tmp_path, monkeypatch):
    asked = []

    def run(command, **_):
        asked.append(command[2:])
        (tmp_path / "result.json").write_text(json.dumps(measured(0.0)))
        return type("Done", (), {"returncode": 0})

    monkeypatch.setattr(node_seconds.subprocess, "run", run)
    assert set(measure_fresh(tmp_path, 3, nodes=False)) == {"8"}
    assert set(measure_fresh(tmp_path, 1, 4)) == {"8"}  # all passes share the seconds
    assert [" ".join(one[1:]) for one in asked] == [
        "--threads 3 --seconds 20.0 --passes 1 --whole",
        "--threads 1 --seconds 5.0 --passes 4",
    ]
    assert {one[0] for one in asked} == {str(tmp_path)}
