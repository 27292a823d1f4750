"""An operator that ONNX does not take is named with its layer, in either half."""

import pytest
import torch
from measured import plan_for
from nets import Net
from torch import nn

from autosplit.capture.capture import capture
from autosplit.deploy.cloud_onnx import cloud_onnx
from autosplit.deploy.edge_onnx import edge_onnx
from autosplit.deploy.onnx_export import UnknownOperatorError
from autosplit.deploy.operator_layers import layer_of
from autosplit.deploy.pt2 import edge_pt2
from autosplit.halves.deployed import deploy
from autosplit.halves.quantized import integer_half, marked_half


@pytest.fixture(scope="module")
def bessel():
    """A network whose second layer is a function that ONNX does not have."""
    torch.manual_seed(0)
    network = Net(
        lambda net, x: net.b(torch.special.i0e(net.a(x))), a=nn.Linear(6, 5), b=nn.Linear(5, 3)
    )
    inputs = torch.rand(8, 6)
    program = capture(network, inputs, "bessel")
    return program, inputs, plan_for(program, inputs, 8), plan_for(program, inputs, 8, 8, 1)


def test_the_layer_and_its_operator_are_named_in_either_half(bessel):
    program, _, whole, first = bessel
    words = r"export: special_i0e: ONNX has no form of its operator aten.special_i0e.default; --for"

    with pytest.raises(UnknownOperatorError, match=words):
        edge_onnx(program, whole)
    with pytest.raises(UnknownOperatorError, match=words):
        cloud_onnx(program, first)


def test_other_forms_still_work(bessel):
    program, inputs, whole, _ = bessel

    (got,) = edge_pt2(program, whole).module()(inputs)

    _, answers = deploy(program, whole).edge((inputs,))
    assert torch.equal(got, answers["output:0"])


def test_an_operator_of_a_half_belongs_to_the_layer_that_is_computed_from_it(small):
    file = small.files["edge"]
    half = marked_half(
        small.program, file, small.program.graph.prefix(len(small.program.graph.layers))
    )
    of = {
        str(node.target): layer_of(small.program, half, node.name)
        for node in half.operators.nodes
        if node.op == "call_function"
    }

    assert of["aten.relu6.default"] == "a"
    assert of["aten.linear.default"] == "c"
    assert of["aten.max_pool2d.default"] == "max_pool"
    assert layer_of(small.program, integer_half(small.program, file), "nothing") is None
