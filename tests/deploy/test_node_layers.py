"""Nodes of both exported forms of a network belong to its layers."""

import re

import pytest
import torch
from measured import plan_for
from torch import nn

from autosplit.capture.capture import capture
from autosplit.deploy.edge_onnx import edge_onnx, example_inputs
from autosplit.deploy.node_layers import float_layers, integer_layers
from autosplit.deploy.onnx_export import AnyInputs, export_onnx
from autosplit.halves.partition import cloud_part


class Skip(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, 1)
        self.last = nn.Linear(32, 3)

    def forward(self, x):
        x = torch.relu(self.first(x))
        return self.last((x + self.second(x)).flatten(1))


@pytest.fixture(scope="module")
def program():
    torch.manual_seed(0)
    return capture(Skip(), torch.randn(1, 2, 4, 4), "skip")


def kinds_of(model, owner, kind):
    return [owner.get(node.name) for node in model.graph.node if re.match(kind, node.op_type)]


def test_each_convolution_of_the_integer_form_is_that_of_its_layer(program):
    model = edge_onnx(program, plan_for(program, torch.randn(4, 2, 4, 4), 8))

    owner = integer_layers(model, program)

    assert kinds_of(model, owner, "Conv$") == ["first", "second"]
    assert set(kinds_of(model, owner, "QuantizeLinear")) <= {*program.graph.tensors, None}


def test_each_convolution_of_the_float_form_is_that_of_its_layer(program):
    half = cloud_part(program, program.graph.cut(()))
    axes = [program.layouts[name].axis for name in half.reads]
    example = example_inputs(program, half)
    model = export_onnx(AnyInputs(half.module()), example, axes, half.reads, half.writes)

    owner = float_layers(model, program)

    assert kinds_of(model, owner, "Conv$") == ["first", "second"]
    assert kinds_of(model, owner, "(Gemm|MatMul)$") == ["last"]
