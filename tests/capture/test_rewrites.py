"""Which operators join a layer, which must not, and which are refused."""

import re

import captures
import pytest
import torch
import torch.nn.functional as F
from fusions import IMAGE, checked, conv, then
from nets import Net, TwoInputs, batch_norm, fused
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from autosplit.capture.capture import capture
from autosplit.errors import CaptureError

FUNCTIONS = [
    F.relu,
    F.relu6,
    F.leaky_relu,
    F.silu,
    F.gelu,
    F.hardswish,
    F.hardsigmoid,
    F.sigmoid,
    F.tanh,
    F.elu,
    F.selu,
    F.mish,
    F.softplus,
    F.hardtanh,
    torch.abs,
    torch.exp,
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_an_activation_fuses_into_what_it_alone_reads(function):
    program = checked(then(lambda net, x: function(x)))
    assert [layer.name for layer in program.graph.layers] == ["conv"]


FUSES = {
    "an activation in place": (then(lambda net, x: F.relu_(x)), ["conv=conv2d+relu"]),
    "an activation with a parameter": (
        then(lambda net, x: net.act(x), act=nn.PReLU(4)),
        ["conv=conv2d+prelu"],
    ),
    "numbers added and multiplied": (
        then(lambda net, x: 1 - (x * 2 + 3) / 4),
        ["conv=conv2d+mul+add+div+rsub"],
    ),
    "a batch norm, then an activation": (
        then(lambda net, x: F.relu(net.bn(x)), bn=batch_norm(nn.BatchNorm2d, 4)),
        ["conv=conv2d+relu"],
    ),
    "an activation after an addition": (
        Net(lambda net, x: F.relu(net.a(x) + net.b(x)), a=conv(), b=conv()),
        ["a=conv2d", "b=conv2d", "add=add+relu"],
    ),
    "an activation after a concatenation": (
        Net(lambda net, x: F.relu(torch.cat([x, net.conv(x)], 1)), conv=conv(padding=1)),
        ["conv=conv2d", "cat=cat+relu"],
    ),
    "an activation after a pool": (
        Net(lambda net, x: F.relu(F.max_pool2d(x, 2))),
        ["max_pool=max_pool2d+relu"],
    ),
    "an activation after the values of a pool with indices": (
        Net(lambda net, x: F.relu(F.max_pool2d(x, 2, return_indices=True)[0])),
        ["max_pool=max_pool2d_with_indices+relu"],
    ),
    "an activation after a norm": (
        Net(lambda net, x: F.gelu(net.norm(x)), norm=nn.LayerNorm(6)),
        ["norm=layer_norm+gelu"],
    ),
    "dropout": (
        then(lambda net, x: F.relu(net.drop(x)), drop=nn.Dropout(0.5)),
        ["conv=conv2d+relu"],
    ),
    "dropout in place": (
        then(lambda net, x: F.relu(net.drop(x)), drop=nn.Dropout(0.5, inplace=True)),
        ["conv=conv2d+relu"],
    ),
    "dropout of channels": (
        then(lambda net, x: F.relu(net.drop(x)), drop=nn.Dropout2d(0.5)),
        ["conv=conv2d+relu"],
    ),
    "an identity": (
        then(lambda net, x: net.id(x).detach().relu(), id=nn.Identity()),
        ["conv=conv2d+relu"],
    ),
    "a cast to the type it has": (
        then(lambda net, x: x.type_as(net.conv.weight).relu()),
        ["conv=conv2d+relu"],
    ),
    "a computed constant": (
        then(lambda net, x: x + torch.arange(4.0).sqrt()),
        ["conv=conv2d", "add=add"],
    ),
    "a computed weight": (
        Net(lambda net, x: F.conv2d(x, net.w * 2), w=nn.Parameter(torch.randn(2, 4, 3, 3))),
        ["conv=conv2d"],
    ),
    "a part of a weight": (
        Net(lambda net, x: x @ net.w.chunk(2)[1].t(), w=nn.Parameter(torch.randn(6, 6))),
        ["linear=matmul"],
    ),
    "movements": (
        then(lambda net, x: x.permute(0, 2, 3, 1).flatten(1).roll(1, 1)[:, ::2].unsqueeze(2)),
        ["conv=conv2d"],
    ),
    "movements by the shape of another": (
        Net(lambda net, x: x.mean((2, 3), keepdim=True).expand_as(x).reshape_as(x)),
        ["reduce=mean"],
    ),
    "padding and shuffling": (
        then(lambda net, x: F.pixel_shuffle(F.pad(x, (1, 1, 1, 1)), 2)),
        ["conv=conv2d"],
    ),
}


@pytest.mark.parametrize("case", FUSES)
def test_fuses(case):
    network, layers = FUSES[case]
    assert fused(checked(network)) == layers


BN = batch_norm(nn.BatchNorm2d, 4)


MUST_NOT_FUSE = {
    "a second reader of the convolution, before the norm": (
        then(lambda net, x: net.bn(x) + x, bn=BN),
        ["conv=conv2d", "bn=batch_norm", "add=add"],
    ),
    "the convolution is an answer too": (
        then(lambda net, x: (net.bn(x), x), bn=BN),
        ["conv=conv2d", "bn=batch_norm"],
    ),
    "a norm of each sample by itself": (
        then(lambda net, x: net.norm(x), norm=batch_norm(nn.InstanceNorm2d, 4, affine=True)),
        ["conv=conv2d", "norm=instance_norm"],
    ),
    "a norm of the last axis but one": (
        Net(
            lambda net, x: net.bn(net.linear(x.flatten(2))),
            linear=nn.Linear(36, 4),
            bn=batch_norm(nn.BatchNorm1d, 4),
        ),
        ["linear=linear", "bn=batch_norm"],
    ),
    "a norm after a view": (
        then(lambda net, x: net.bn(x.transpose(2, 3)), bn=BN),
        ["conv=conv2d", "bn=batch_norm"],
    ),
    "a norm after an activation": (
        then(lambda net, x: net.bn(x.relu()), bn=BN),
        ["conv=conv2d+relu", "bn=batch_norm"],
    ),
    "a norm of the input": (
        Net(lambda net, x: net.bn(x).relu(), bn=BN),
        ["bn=batch_norm+relu"],
    ),
    "a weight that is computed from the input": (
        Net(lambda net, x: F.linear(x, net.a(x).mean((0, 1)) + net.a.weight), a=nn.Linear(6, 6)),
        ["a=linear", "reduce=mean", "add=add", "linear=linear"],
    ),
    "an activation after a view": (
        then(lambda net, x: x.flatten(1).relu()),
        ["conv=conv2d", "activation=relu"],
    ),
    "an activation of the input": (
        Net(lambda net, x: net.conv(x.relu()), conv=conv()),
        ["activation=relu", "conv=conv2d"],
    ),
    "a residual that reads what is not yet activated": (
        then(lambda net, x: x.relu() + x),
        ["conv=conv2d", "activation=relu", "add=add"],
    ),
    "two activations of one tensor": (
        then(lambda net, x: torch.cat([x.relu(), -x], 1)),
        ["conv=conv2d", "activation=relu", "activation_2=neg", "cat=cat"],
    ),
    "a gate made of the tensor itself": (
        then(lambda net, x: x * x.sigmoid()),
        ["conv=conv2d", "activation=sigmoid", "mul=mul"],
    ),
    "a parameter multiplied": (
        then(lambda net, x: x * net.scale, scale=nn.Parameter(torch.rand(4))),
        ["conv=conv2d", "mul=mul"],
    ),
    "a softmax": (
        then(lambda net, x: x.softmax(1)),
        ["conv=conv2d", "softmax=softmax"],
    ),
    "one of several readers of a split": (
        then(lambda net, x: x.chunk(2, 1)[0].relu() + x.chunk(2, 1)[1]),
        ["conv=conv2d", "activation=relu", "add=add"],
    ),
}


@pytest.mark.filterwarnings("ignore:.*samples are run one at a time")
@pytest.mark.parametrize("case", MUST_NOT_FUSE)
def test_must_not_fuse(case):
    network, layers = MUST_NOT_FUSE[case]
    assert fused(checked(network)) == layers


IN_PLACE = {
    "reads before and after": then(lambda net, x: x * 3 + x.relu_() + x),
    "on the input": Net(lambda net, x: net.conv(x.relu_()) + x.mean(), conv=conv()),
    "an addition": Net(lambda net, x: net.a(x).add_(net.b(x)).relu_(), a=conv(), b=conv()),
    "on a view": then(lambda net, x: x.flatten(1).relu_().mean(1) + x.mean((1, 2, 3))),
    "on what has a view": then(lambda net, x: (x.transpose(1, 2), x.relu_())[0] + 0),
    "on what dropout gave back": then(
        lambda net, x: F.dropout(x, training=False).relu_() + x,
    ),
    "on a part": then(lambda net, x: (x[:, 0].zero_(), x)[1]),
    "a pixel set": then(lambda net, x: (x.__setitem__((0, 0), 7.0), x)[1]),
}


@pytest.mark.filterwarnings("ignore:.*samples are run one at a time")
@pytest.mark.parametrize("case", IN_PLACE)
def test_in_place_operators_are_as_the_network_has_them(case):
    checked(IN_PLACE[case])


def test_plain_in_place_operators_need_no_second_trace(monkeypatch):
    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(torch.export.ExportedProgram, "run_decompositions", refuse)
    network = Net(
        lambda net, x: net.drop(net.conv(x).relu_().add_(1)),
        conv=conv(),
        drop=nn.Dropout(inplace=True),
    )
    assert fused(checked(network)) == ["conv=conv2d+relu+add"]


def test_a_product_by_a_number_has_no_macs():
    (layer,) = checked(Net(lambda net, x: x * 2)).graph.layers
    assert (layer.kind, layer.macs, layer.output_elements) == ("mul", 0, 4 * 6 * 6)


def test_two_inputs_are_not_fused_into_each_other():
    network = TwoInputs(lambda net, x, y: (x * 2) + (y * 3))
    assert fused(checked(network, IMAGE, IMAGE)) == [
        "mul=mul",
        "mul_2=mul",
        "add=add",
    ]


REFUSED = {
    "control flow as an operator": (
        lambda net, x: torch.cond(x.sum() > 0, torch.sin, torch.cos, (x,)),
        r"cond at {forward}: a network must be plain operators",
    ),
    "a number out of a tensor": (
        lambda net, x: x * x.sum().item(),
        r"item at {forward}: a number must not be read out of a tensor",
    ),
    "nothing computed": (
        lambda net, x: x.flatten(1),
        r"net: must have at least one layer",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_is_refused(case):
    function, text = REFUSED[case]
    with pytest.raises(CaptureError) as refusal:
        captures.program_of(Net(function))
    assert re.match(text.format(forward=captures.FORWARD), str(refusal.value))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("squeeze", [torch.squeeze, lambda x: x.squeeze(0).squeeze()])
def test_squeeze_keeps_the_batch_axis_of_one_sample(squeeze):
    """m03: .squeeze() after pooling, with an example of one sample."""
    network = then(
        lambda net, x: net.head(squeeze(x.mean((2, 3), keepdim=True))), head=nn.Linear(4, 5)
    )
    program = captures.program_of(network, IMAGE)

    assert program.graph.shape("head") == (5,)
    images = torch.randn(2, *IMAGE[1:])
    (alone,), (pair,) = program.run((images[:1],)), program.run((images,))
    assert alone.shape == (1, 5)
    assert torch.allclose(alone[0], pair[0], atol=1e-6)


def test_a_captured_reshape_runs_whatever_strides_a_kernel_gives():
    """torch's plain attention writes other strides than the fused one that the capture ran."""

    class Attention(nn.Module):
        def forward(self, x):
            x = torch.einsum("bld,de->ble", x, torch.eye(32))  # torch traces such a program again
            q = x.unflatten(2, (4, 8)).transpose(1, 2)
            found = nn.functional.scaled_dot_product_attention(q, q, q)
            return found.transpose(1, 2).reshape(x.shape[0], 5, -1) + 1

    x = torch.randn(2, 5, 32, generator=torch.Generator().manual_seed(0))
    program = capture(Attention(), x)

    with sdpa_kernel(SDPBackend.MATH):
        (found,) = program.run((x,))

    assert torch.allclose(found, Attention()(x), atol=1e-5)
