"""Nodes of both exported forms of a network have the names of its layers."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from measured import plan_for
from torch import nn

from autosplit.capture.capture import capture
from autosplit.deploy.node_layers import name_nodes
from autosplit.deploy.node_seconds import PART
from autosplit.deploy.profile import floats_of, integers_of


class Skip(nn.Module):
    """Ends in layers whose operators ONNX has under other names: a pool by a mean, a Gemm."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 16, 3, padding=1), nn.Conv2d(16, 16, 1)
        self.pool, self.last = nn.AdaptiveAvgPool2d(1), nn.Linear(16, 3)

    def forward(self, x):
        x = nn.functional.relu6(self.first(x))
        return self.last(self.pool(x + self.second(x)).flatten(1))


@pytest.fixture(scope="module")
def program():
    torch.manual_seed(0)
    return capture(Skip(), torch.randn(1, 2, 4, 4), "skip")


@pytest.fixture(scope="module")
def models(program):
    file = plan_for(program, torch.randn(4, 2, 4, 4), 8)
    return {"integers": integers_of(program, file), "floats": floats_of(program)}


def owners(model, *kinds):
    return [n.name.partition(PART)[0] for n in model.graph.node if n.op_type in kinds]


@pytest.mark.parametrize("form", ["integers", "floats"])
def test_each_operator_is_that_of_its_layer(models, form):
    model = models[form]

    assert owners(model, "Conv") == ["first", "second"]
    assert owners(model, "Gemm", "MatMul") == ["last"]
    assert owners(model, "ReduceMean", "GlobalAveragePool") == ["pool"]
    assert len(owners(model, "Add")) == 1
    assert owners(model, "Add")[0] not in ("first", "second", "pool", "last")
    assert all(PART in node.name for node in model.graph.node)


@pytest.mark.parametrize("form", ["integers", "floats"])
def test_nodes_that_run_keep_the_names(models, form, program, tmp_path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    onnxruntime.InferenceSession(models[form].SerializeToString(), options)

    nodes = onnx.load(tmp_path / "optimized.onnx").graph.node
    named = {n.name.partition(PART)[0] for n in nodes if PART in n.name}
    assert {"first", "pool", "last"} <= named <= {*program.graph.tensors}
    assert {n.op_type for n in nodes if PART not in n.name} <= {
        "Transpose", "ReorderInput", "ReorderOutput"
    }  # fmt: skip


def test_marks_are_taken_out_and_the_values_stay(models, program):
    model = models["floats"]
    x = torch.randn(3, 2, 4, 4)

    assert not owners(model, "Mod")
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (got,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    (want,) = program.run((x,))
    np.testing.assert_allclose(got, want.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_a_node_that_several_layers_read_belongs_to_the_first():
    helper = onnx.helper
    nodes = [
        helper.make_node("Relu", ["x"], ["shared"]),
        helper.make_node("Neg", ["shared"], ["a"]),
        helper.make_node("Abs", ["shared"], ["b"]),
        helper.make_node("Identity", ["b"], ["answer"]),
    ]
    info = [helper.make_tensor_value_info(name, 1, [1]) for name in ("x", "answer")]
    model = helper.make_model(helper.make_graph(nodes, "g", info[:1], info[1:]))

    name_nodes(model, {"a": "first", "b": "second"})

    names = [node.name for node in model.graph.node]
    assert names == ["first|0", "first|1", "second|2", "second|3"]
    assert model.graph.output[0].name == "second|3.0"
