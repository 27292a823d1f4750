import captures
import pytest
import torch
from nets import Net, batch_norm
from torch import fx, nn

from autosplit.capture.check import check_answers, relative_error
from autosplit.errors import CaptureError


def amplifying():
    """A network whose folded batch norm rounds in another way, which a sine makes large."""
    norm = batch_norm(nn.BatchNorm2d, 3)
    return Net(lambda net, x: torch.sin(2e5 * net.bn(net.conv(x))), conv=captures.conv(), bn=norm)


def test_rounding_that_the_network_amplifies_is_no_fault_and_is_said(recwarn):
    program = captures.program_of(amplifying())

    assert [layer.name for layer in program.graph.layers] == ["conv"]
    (message,) = (str(w.message) for w in recwarn if "amplifies" in str(w.message))
    assert "net: amplifies the rounding of float32: its output is" in message


def test_a_wrong_program_is_refused_with_its_first_difference():
    """The convolution's bias is off; the sine after it would hide by how much."""
    program = captures.program_of(Net(lambda net, x: net.b(net.a(x).relu()), a=conv(), b=conv()))
    inputs = (torch.randn(2, 3, 8, 8),)
    expected = program.run(inputs)
    right = fx.GraphModule(stored(program), copied(program))
    with torch.no_grad():
        program.constant("a/bias").add_(1.0)

    with pytest.raises(CaptureError, match=r"output 0 differs by .*; the first is a at .*nets.py"):
        check_answers(program, inputs, expected, lambda: right)


def conv():
    return nn.Conv2d(3, 3, 3, padding=1)


def stored(program):
    return {name: value.clone() for name, value in program.module.state_dict().items()}


def copied(program):
    graph = fx.Graph()
    graph.output(graph.graph_copy(program.module.graph, {}))
    return graph


def test_the_error_is_relative_to_the_largest_finite_value():
    value, want = torch.tensor([1.0, 4.5, -torch.inf]), torch.tensor([1.0, 5.0, -torch.inf])

    assert relative_error(value, want) == pytest.approx(0.1)
    assert relative_error(want, want) == 0
    assert relative_error(torch.tensor([torch.nan]), torch.tensor([1.0])) == torch.inf
    assert relative_error(torch.tensor([1]), torch.tensor([2])) == 0  # integers: not compared
