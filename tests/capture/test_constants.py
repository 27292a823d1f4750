"""What depends on parameters and constants alone is computed once."""

import torch
from nets import Net, fused
from torch import nn

from autosplit.capture.capture import capture
from autosplit.capture.constants import add_attribute

X = torch.randn(2, 3, 4, 4)


def program_of(function, **modules):
    return capture(Net(function, **modules), (X[:1],), "net")


def constants(program):
    """Constants that were computed, by the node that was."""
    nodes = program.module.graph.find_nodes(op="get_attr")
    targets = dict.fromkeys(str(node.target) for node in nodes)
    return {target: program.constant(target) for target in targets if "_constant_" in target}


def test_operators_on_constants_alone_are_computed_once():
    mask = torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1)
    program = program_of(lambda net, x: x * (net.mask.exp() + 1), mask=nn.Parameter(mask))

    assert fused(program) == ["mul=mul"]
    (value,) = constants(program).values()
    assert torch.equal(value, mask.exp() + 1)


def test_a_creator_is_a_constant_unless_its_size_grows_with_the_batch():
    fixed = program_of(lambda net, x: x + torch.arange(4.0).sqrt())
    growing = program_of(lambda net, x: x + x.new_ones(x.shape[0], 1, 1, 1).cumsum(1))

    assert fused(fixed) == ["add=add"]
    assert [value.tolist() for value in constants(fixed).values()] == [
        torch.arange(4.0).sqrt().tolist()
    ]
    assert [value.tolist() for value in constants(growing).values()] == [[[[[1.0]]]]]


def test_a_creator_borrows_the_type_of_its_argument_and_not_its_values():
    program = program_of(lambda net, x: x * x.new_full((4,), 7))

    (value,) = constants(program).values()
    assert (value.dtype, value.tolist()) == (torch.float32, [7.0] * 4)


def test_a_name_that_is_taken_gets_another():
    attributes = {"a_b": X}

    names = [add_attribute(attributes, "a.b", X[i]) for i in (0, 1)]

    assert names == ["a_b_", "a_b__"]
    assert torch.equal(attributes["a_b_"], X[0])
    assert torch.equal(attributes["a_b"], X)
