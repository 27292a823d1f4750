"""What it costs that a tensor crosses, by where it lies in memory."""

import onnx
import pytest
from onnx import helper

from autosplit.deploy import crossing_seconds as prices
from autosplit.deploy.crossing_seconds import BLOCKS, FIRST, LAST, crossing_seconds, layouts
from autosplit.deploy.node_seconds import BETWEEN_S, NodeSeconds
from autosplit.graph.graph import Graph
from autosplit.graph.layer import Layer


def node(kind, read, written, name, domain="", **attributes):
    return helper.make_node(kind, [read], [written], name=name, domain=domain, **attributes)


def test_a_layer_lies_as_its_last_node_writes():
    nodes = [
        node("QuantizeLinear", "x", "q", "x|0"),
        node("Transpose", "q", "t", "Transpose", perm=[0, 2, 3, 1]),
        node("QLinearConv", "t", "c", "a|1", "com.microsoft", channels_last=1),
        node("QLinearAdd", "c", "d", "b|2", "com.microsoft"),
        node("Transpose", "d", "u", "Transpose_1", perm=[0, 3, 1, 2]),
        node("DequantizeLinear", "u", "r", "c|3"),
        node("ReorderInput", "r", "s", "ReorderInput", "com.microsoft.nchwc"),
        node("Conv", "s", "v", "d|4_nchwc", "com.microsoft.nchwc"),
        node("Relu", "v", "w", "d|5"),
        node("ReorderOutput", "w", "y", "ReorderOutput", "com.microsoft.nchwc"),
        node("Conv", "y", "z", "e|6"),
        node("MaxPool", "t", "p", "f|7", "com.ms.internal.nhwc"),
    ]
    graph = helper.make_graph(nodes, "g", [], [])

    assert layouts(helper.make_model(graph)) == {
        "x": FIRST, "a": LAST, "b": LAST, "c": FIRST, "d": BLOCKS, "e": FIRST, "f": LAST
    }  # fmt: skip


def layer(name, reads, shape):
    return Layer(name, "conv", (reads,), ((1,),), shape, 1, 1)


GRAPH = Graph(
    "g",
    {"x": (3, 4, 4)},
    (layer("a", "x", (32, 4, 4)), layer("b", "a", (5, 4, 4)), layer("c", "b", (7,))),
    ("c",),
)


def test_each_tensor_is_charged_for_what_it_needs(monkeypatch, tmp_path):
    def fresh(folder, threads):
        assert threads == 2
        found = {}
        for path in folder.glob("*.onnx"):
            onnx.checker.check_graph(onnx.load(path).graph) if "block" not in path.name else None
            kinds = [n.op_type for n in onnx.load(path).graph.node]
            weight = {"Transpose": 1.0, "DequantizeLinear": 10.0, "ReorderInput": 100.0}
            found[path.stem] = NodeSeconds({k: weight[k] for k in kinds}, 1.0, 0.0, 1)
        return found

    monkeypatch.setattr(prices, "measure_fresh", fresh)
    found = crossing_seconds(
        GRAPH, {"a": LAST, "b": FIRST}, {"a": BLOCKS, "b": BLOCKS}, tmp_path, 2
    )

    half = BETWEEN_S / 2
    assert found == {
        "x": (0.0, pytest.approx(10 + half)),
        "a": (pytest.approx(1 + half), pytest.approx(110 + 2 * half)),
        "b": (0.0, pytest.approx(10 + half)),  # its channels are no whole number of blocks
        "c": (0.0, pytest.approx(10 + half)),
    }


def test_the_small_models_run(tmp_path):
    ort = pytest.importorskip("onnxruntime")
    for kind in ("give", "take", "block"):
        model = prices._model(kind, (16, 3, 5))
        session = ort.InferenceSession(model.SerializeToString())
        (one,) = session.get_inputs()
        assert one.shape == ([1, 3, 5, 16] if kind == "give" else [1, 16, 3, 5])
