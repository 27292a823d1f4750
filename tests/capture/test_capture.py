"""From networks to programs: the same answers, outputs, inputs and weights."""

import math

import pytest
import torch
import torch.nn.functional as F
from captures import IMAGE, conv, program_of, same
from nets import (
    REQUIRED,
    SIDE,
    Net,
    TwoInputs,
    batch_norm,
    captured,
    fused,
    relative_error,
    required,
)
from torch import nn

from autosplit.capture.capture import capture
from autosplit.capture.program import Program
from autosplit.errors import CaptureError, ModelError
from autosplit.graph.graph import Tail
from autosplit.graph.graphfile import graph_to_dict


@pytest.mark.parametrize("name", REQUIRED)
def test_the_fused_program_equals_the_network_on_other_images(name):
    found = captured(name)
    (answer,) = found.program.run((found.images,))
    assert relative_error(answer, found.answer) < 1e-4
    assert found.program.batch_size is None


def test_a_graph_is_the_same_every_time():
    again = capture(required("googlenet"), (torch.randn(1, 3, SIDE, SIDE),), "again")
    first = graph_to_dict(captured("googlenet").program.graph)
    assert {**graph_to_dict(again.graph), "name": first["name"]} == first


class Functional(nn.Module):
    """No module inside: parameters and functions only."""

    def __init__(self):
        super().__init__()
        self.w1 = nn.Parameter(torch.randn(4, 3, 3, 3))
        self.w2 = nn.Parameter(torch.randn(5, 4))

    def forward(self, image):
        return F.linear(F.relu(F.conv2d(image, self.w1)).mean((2, 3)), self.w2)


def test_what_a_network_says_of_its_tail_comes_after_its_last_layer():
    network, behind = Functional(), program_of(conv()).graph
    network.float_tail = lambda: behind
    graph = program_of(network).graph

    assert graph.tail == Tail("w2", behind)
    assert graph_to_dict(graph)["tail"]["after"] == "w2"


def test_a_network_of_functions_alone_is_captured():
    program = program_of(Functional())
    assert fused(program) == ["w1=conv2d+relu", "reduce=mean", "w2=linear"]
    assert program.graph.inputs == {"image": (3, 8, 8)}
    assert program.graph.outputs == ("w2",)


def test_a_reused_module_stores_its_weight_once():
    network = Net(lambda net, x: net.conv(net.conv(x)), conv=conv())
    program = program_of(network)
    first, second = program.graph.layers
    assert (first.name, second.name) == ("conv", "conv_2")
    assert first.weight_owner == second.weight_owner == "conv"
    assert (first.owns_weight, second.owns_weight) == (True, False)
    assert (first.fixed_elements, second.fixed_elements) == (3, 0)
    assert first.macs == second.macs == 8 * 8 * 27 * 3
    assert list(program.weights) == ["conv"]


def test_tied_weights_are_one_weight():
    network = Net(lambda net, x: net.b(net.a(x)), a=nn.Linear(8, 8), b=nn.Linear(8, 8))
    network.b.weight = network.a.weight
    program = program_of(network)
    assert [layer.weight_owner for layer in program.graph.layers] == ["a", "a"]
    assert [layer.fixed_elements for layer in program.graph.layers] == [8, 8]


def test_a_weight_and_its_transpose_that_share_their_memory_are_one_weight():
    network = Net(
        lambda net, x: net.b(net.a(x)), a=nn.Linear(6, 6, bias=False), b=nn.Linear(6, 6, bias=False)
    )
    network.b.weight = nn.Parameter(network.a.weight.detach().t())
    assert network.b.weight.data_ptr() == network.a.weight.data_ptr()

    program = program_of(network, (1, 6))

    assert list(program.weights) == ["a"]
    assert same(program, network, torch.randn(3, 6))


def test_buffers_that_share_their_memory_in_another_order_stay_apart():
    network = Net(
        lambda net, x: torch.nn.functional.linear(net.a(x) @ net.m, net.turned), a=nn.Linear(6, 6)
    )
    network.register_buffer("m", torch.randn(6, 6))
    network.register_buffer("turned", network.m.t())

    program = program_of(network, (1, 6))

    assert same(program, network, torch.randn(3, 6))


OUTPUTS = {
    "a tuple": (lambda net, x: (net.a(x), net.b(x).relu()), ("a", "b")),
    "a dict, in its own order": (lambda net, x: {"z": net.b(x), "y": net.a(x)}, ("b", "a")),
    "nested": (lambda net, x: [{"k": (net.a(x),)}, net.b(x)], ("a", "b")),
    "twice the same": (lambda net, x: (net.a(x),) * 2, ("a",)),
    "a view": (lambda net, x: net.a(x).flatten(1)[:, 3:], ("a",)),
    "two views of one tensor": (lambda net, x: net.a(x).chunk(2, 2), ("a",)),
    "its input too": (lambda net, x: (net.a(x), x), ("a", "x")),
    "a parameter too": (lambda net, x: (net.a(x), net.a.weight * 2), ("a",)),
    "numbers and nothing too": (lambda net, x: (net.a(x), 5, None, x.shape[0]), ("a",)),
}


@pytest.mark.parametrize("case", OUTPUTS)
def test_outputs_are(case):
    function, outputs = OUTPUTS[case]
    network = Net(function, a=conv(), b=conv())
    program = program_of(network)
    assert program.graph.outputs == outputs
    images = torch.randn(3, *IMAGE[1:])
    with torch.no_grad():
        leaves = torch.utils._pytree.tree_leaves(network(images))
    wanted = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
    for got, want in zip(program.run((images,)), wanted, strict=True):
        assert relative_error(got, want) < 1e-4


def test_several_inputs_are_tensors_each_by_its_name():
    network = TwoInputs(lambda net, x, y: net.a(x) + y, a=conv())
    program = program_of(network, IMAGE, (1, 8))
    assert program.graph.inputs == {"x": (3, 8, 8), "y": (8,)}
    assert program.graph.by_name["add"].inputs == ("a", "y")
    assert same(program, network, torch.randn(8, *IMAGE[1:]), torch.randn(8, 8))


def test_any_number_of_inputs_keeps_the_batch_free():
    class Many(nn.Module):
        def forward(self, *images):
            return torch.cat(images, 1)

    program = program_of(Many(), IMAGE, IMAGE)
    assert program.batch_size is None
    assert program.graph.by_name["cat"].output_shape == (6, 8, 8)


def test_a_program_that_is_wrong_is_refused(monkeypatch):
    def spoil(graph, attributes):
        for name, value in attributes.items():
            attributes[name] = value * 1.001

    monkeypatch.setattr("autosplit.capture.capture.REWRITES", (spoil,))
    with pytest.raises(CaptureError, match=r"^net: the fused program must equal the network to"):
        program_of(Net(lambda net, x: net.a(x), a=conv()))


def test_a_program_that_is_not_a_number_where_the_network_is_is_refused(monkeypatch):
    def spoil(graph, attributes):
        (name,) = (name for name in attributes if "lifted" in name)
        attributes[name] = attributes[name] * math.nan

    monkeypatch.setattr("autosplit.capture.capture.REWRITES", (spoil,))
    with pytest.raises(CaptureError, match="output 0 differs by inf"):
        program_of(Net(lambda net, x: net.a(x) + torch.tensor([1.0]), a=conv()))


def test_a_network_that_gives_nan_and_infinity_is_captured():
    network = Net(lambda net, x: torch.stack([net.a(x).log(), net.a(x) * math.inf]), a=conv())
    assert isinstance(program_of(network), Program)


def test_the_caller_s_model_and_example_are_unchanged():
    network = Net(
        lambda net, x: net.bn(net.a(x.relu_())), a=conv(4), bn=batch_norm(nn.BatchNorm2d, 4)
    ).train()
    example = torch.randn(IMAGE)
    before = [value.clone() for value in (*network.state_dict().values(), example)]
    program = capture(network, (example,))
    after = [*network.state_dict().values(), example]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(module.training for module in network.modules())
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert not any(
        module._forward_hooks or module._forward_pre_hooks for module in network.modules()
    )
    assert same(program, network.eval(), example)


def test_the_program_needs_no_gradients():
    program = program_of(Net(lambda net, x: net.a(x), a=conv()))
    (answer,) = program.run((torch.randn(IMAGE),))
    assert not answer.requires_grad


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("name", "what"), [("weight", "weight"), ("bias", "bias")])
def test_a_weight_that_is_no_number_names_its_layer(bad, name, what):
    network = Net(lambda net, x: net.b(net.a(x)), a=conv(), b=conv())
    getattr(network.b, name).data.view(-1)[1] = bad
    with pytest.raises(ModelError, match=f"^net: the {what} of layer b must be finite, got NaN"):
        program_of(network)


def test_a_batch_norm_of_negative_variance_names_its_layer():
    network = Net(lambda net, x: net.bn(net.a(x)), a=conv(), bn=nn.BatchNorm2d(3))
    network.bn.running_var[1] = -1
    with pytest.raises(ModelError, match=r"^net: the weight of layer a must be finite, got NaN"):
        program_of(network)


def test_a_mask_may_be_infinite():
    mask = torch.tensor([0.0, -math.inf] * 4)
    program = program_of(Net(lambda net, x: F.softmax(net.a(x) + mask, 3), a=conv()))
    (answer,) = program.run((torch.zeros(2, 3, 8, 8),))
    assert answer[..., 1::2].eq(0).all()
