import torch
from nets import Net
from torch import nn

from autosplit.capture.flat import flat_operators, unlift
from autosplit.capture.operators import operator_name


def exported(function, **modules):
    return torch.export.export(Net(function, **modules), (torch.ones(2, 3),))


def test_parameters_are_named_with_slashes_and_tied_ones_are_one():
    part = nn.Linear(3, 3)
    program = exported(lambda m, x: m.b(m.a(x)), a=part, b=part)

    operators, values = unlift(program)

    assert len({str(n.target) for n in operators.find_nodes(op="get_attr")}) == 2
    assert all("/" in name for name in values)


def test_operators_in_place_become_ordinary_ones():
    program = exported(lambda m, x: (m.a(x)).relu_(), a=nn.Linear(3, 3))

    operators, _ = flat_operators(program)

    called = [operator_name(n) for n in operators.nodes if n.op == "call_function"]
    assert called == ["linear", "relu"]
