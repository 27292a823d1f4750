"""The tables of operators."""

import math

import pytest
import torch
from torch import fx

from autosplit.capture.operators import (
    ACTIVATION_OPERATORS,
    KINDS,
    MOVEMENT,
    arguments,
    base_of,
    clamp_window,
    is_activation,
    is_movement,
    output_axis,
)
from autosplit.hardware.operations import VECTOR_KINDS


def test_every_kind_has_a_cost():
    assert set(KINDS.values()) - VECTOR_KINDS == {"conv", "linear", "matmul", "attention"}


@pytest.mark.parametrize("name", sorted((set(KINDS) | MOVEMENT) - {"getitem"}))
def test_every_operator_in_the_tables_exists(name):
    assert hasattr(torch.ops.aten, name)


def test_the_tables_do_not_contradict_each_other():
    assert not MOVEMENT & set(KINDS)
    assert {KINDS[name] for name in ACTIVATION_OPERATORS} == {"activation"}


def call(operator, *args, **kwargs):
    """A node that calls an ATen operator on placeholders, with the values that tracing would note.

    Tensors among the arguments become placeholders.
    """
    graph = fx.Graph()

    def node_of(value):
        node = graph.placeholder("x")
        node.meta["val"] = value
        return node

    nodes = [node_of(arg) if isinstance(arg, torch.Tensor) else arg for arg in args]
    node = graph.call_function(operator, tuple(nodes), kwargs)
    node.meta["val"] = operator(*args, **kwargs)
    return node


X = torch.randn(2, 3, 4, 4)
aten = torch.ops.aten


@pytest.mark.parametrize(
    ("node", "moves"),
    [
        (call(aten.permute.default, X, [0, 2, 3, 1]), True),
        (call(aten.slice.Tensor, X, 1, 0, 2), True),
        (call(aten.clone.default, X), True),
        (call(aten.roll.default, X, [1], [2]), True),
        (call(aten.relu.default, X), False),
        (call(aten.add.Tensor, X, X[:1]), False),
        (call(aten.mul.Tensor, X, X), False),
    ],
    ids=lambda value: value.name if isinstance(value, fx.Node) else "",
)
def test_a_movement_is_a_view_or_a_copy_of_one_tensor(node, moves):
    assert is_movement(node) is moves


def test_the_base_of_a_chain_of_movements_is_what_wrote_the_elements():
    graph = fx.Graph()
    x = graph.placeholder("x")
    relu = graph.call_function(aten.relu.default, (x,))
    view = graph.call_function(aten.view.default, (relu, [2, 48]))
    part = graph.call_function(aten.slice.Tensor, (view, 1, 0, 5))
    for node in (x, relu):
        node.meta["val"] = X
    view.meta["val"], part.meta["val"] = X.view(2, 48), X.view(2, 48)[:, :5]

    assert base_of(part) is relu
    assert base_of(relu) is relu


def test_an_activation_reads_one_tensor():
    assert is_activation(call(aten.relu.default, X))
    assert is_activation(call(aten.mul.Tensor, X, 2.0))
    assert not is_activation(call(aten.mul.Tensor, X, X[:, :1]))
    assert not is_activation(call(aten.mean.default, X))


@pytest.mark.parametrize(
    ("node", "axis"),
    [
        (call(aten.conv2d.default, X, torch.randn(5, 3, 1, 1)), 0),
        (call(aten.conv_transpose2d.input, X, torch.randn(3, 5, 2, 2)), 1),
        (call(aten.linear.default, X, torch.randn(5, 4)), 0),
        (call(aten.matmul.default, X, torch.randn(4, 5)), 1),
        (call(aten.addmm.default, X[0, 0, 0], torch.ones(2, 3), torch.ones(3, 4)), 1),
    ],
    ids=["conv", "transposed", "linear", "matmul", "addmm"],
)
def test_the_output_channels_of_a_weight_are_on_this_axis(node, axis):
    assert output_axis(node) == axis


def test_a_convolution_in_core_operators_says_itself_whether_it_is_transposed():
    rest = ([1, 1], [0, 0], [1, 1])
    weight = torch.randn(3, 3, 1, 1)
    plain = call(aten.convolution.default, X, weight, None, *rest, False, [0, 0], 1)
    transposed = call(aten.convolution.default, X, weight, None, *rest, True, [0, 0], 1)

    assert (output_axis(plain), output_axis(transposed)) == (0, 1)


def test_arguments_are_named_and_defaults_filled_in():
    node = call(aten.conv2d.default, X, torch.randn(5, 3, 1, 1), None, [2, 2])

    found = arguments(node)
    assert (found["stride"], found["padding"], found["groups"]) == ([2, 2], [0, 0], 1)
    assert found["bias"] is None
    assert found["input"] is node.args[0]


@pytest.mark.parametrize(
    ("node", "window"),
    [
        (call(aten.relu.default, X), (0, math.inf)),
        (call(aten.relu6.default, X), (0, 6)),
        (call(aten.hardtanh.default, X), (-1, 1)),
        (call(aten.hardtanh.default, X, -0.5, 2.0), (-0.5, 2)),
        (call(aten.clamp.default, X, 0.25), (0.25, math.inf)),
        (call(aten.clamp.default, X, None, 3), (-math.inf, 3)),
        (call(aten.clamp.Tensor, X, X), None),
        (call(aten.leaky_relu.default, X), None),
    ],
    ids=["relu", "relu6", "hardtanh", "with ends", "below", "above", "by a tensor", "leaky"],
)
def test_a_rectifier_is_a_clamp_with_these_ends(node, window):
    assert clamp_window(node) == window
