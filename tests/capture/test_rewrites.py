import pytest
import torch
import torch.nn.functional as F
from nets import Net, TwoInputs, batch_norm, fused, relative_error
from torch import nn

from autosplit.capture.batchnorm import fold_values
from autosplit.capture.capture import capture
from autosplit.capture.operators import ACTIVATION_OPERATORS, KINDS, MOVEMENT
from autosplit.hardware.operations import VECTOR_KINDS

IMAGE = (1, 4, 6, 6)


def program_of(network, *shapes):
    generator = torch.Generator().manual_seed(0)
    example = [torch.randn(shape, generator=generator) for shape in shapes or (IMAGE,)]
    program = capture(network, example)
    other = [torch.randn((3, *shape[1:]), generator=generator) for shape in shapes or (IMAGE,)]
    with torch.no_grad():
        want = network(*(tensor.clone() for tensor in other))
    want = want if isinstance(want, tuple) else (want,)
    for got, expected in zip(program.run(other), want, strict=True):
        assert relative_error(got, expected) < 1e-5
    return program


def conv(channels=4, **options):
    return nn.Conv2d(4, channels, 3, **options)


def normed(layer, norm):
    return Net(lambda net, x: net.norm(net.layer(x)), layer=layer, norm=norm)


def then(function, **modules):
    """A convolution and what follows it."""
    return Net(lambda net, x: function(net, net.conv(x)), conv=conv(), **modules)


@pytest.mark.parametrize(
    ("layer", "norm", "shape"),
    [
        (conv(bias=False), batch_norm(nn.BatchNorm2d, 4), IMAGE),
        (conv(6), batch_norm(nn.BatchNorm2d, 6, eps=0.5), IMAGE),
        (conv(6), batch_norm(nn.BatchNorm2d, 6, affine=False), IMAGE),
        (conv(8, groups=2), batch_norm(nn.BatchNorm2d, 8), IMAGE),
        (conv(4, groups=4), batch_norm(nn.BatchNorm2d, 4), IMAGE),
        (conv(4, padding="same"), batch_norm(nn.BatchNorm2d, 4), IMAGE),
        (nn.Conv1d(4, 6, 3), batch_norm(nn.BatchNorm1d, 6), (1, 4, 9)),
        (nn.Conv3d(4, 6, 2), batch_norm(nn.BatchNorm3d, 6), (1, 4, 3, 3, 3)),
        (nn.Linear(9, 5), batch_norm(nn.BatchNorm1d, 5), (1, 9)),
        (nn.Linear(9, 5, bias=False), batch_norm(nn.BatchNorm1d, 5), (1, 9)),
        (nn.ConvTranspose1d(4, 6, 3), batch_norm(nn.BatchNorm1d, 6), (1, 4, 5)),
        (nn.ConvTranspose2d(4, 6, 3), batch_norm(nn.BatchNorm2d, 6), IMAGE),
        (nn.ConvTranspose2d(4, 6, 3, groups=2), batch_norm(nn.BatchNorm2d, 6), IMAGE),
        (nn.ConvTranspose2d(4, 4, 3, groups=4), batch_norm(nn.BatchNorm2d, 4), IMAGE),
        (nn.ConvTranspose3d(4, 6, 2), batch_norm(nn.BatchNorm3d, 6), (1, 4, 3, 3, 3)),
    ],
    ids=str,
)
def test_a_batch_norm_fuses_into_the_layer_it_alone_reads(layer, norm, shape):
    program = program_of(normed(layer, norm), shape)
    assert len(program.graph.layers) == 1
    (found,) = program.graph.layers
    assert found.name == "layer"
    assert found.weight_elements == layer.weight.numel()
    assert found.fixed_elements == len(norm.running_mean)  # the folded bias and nothing else
    assert program.weight("layer").dtype == torch.float32


def test_folded_values_are_the_formula():
    # W g / sqrt(v + eps) and (b - m) g / sqrt(v + eps) + beta, with sqrt(3 + 1) = 2
    values = [torch.tensor(x) for x in ([[6.0]], [5.0], [1.0], [3.0], [2.0], [0.5])]
    weight, bias = fold_values(values, 1.0, 0)
    assert weight.tolist() == [[6.0]]
    assert bias.tolist() == [4.5]


def test_folding_leaves_the_caller_s_weights_alone():
    network = normed(conv(), batch_norm(nn.BatchNorm2d, 4))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    program_of(network)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


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
    program = program_of(then(lambda net, x: function(x)))
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
    assert fused(program_of(network)) == layers


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


@pytest.mark.parametrize("case", MUST_NOT_FUSE)
def test_must_not_fuse(case):
    network, layers = MUST_NOT_FUSE[case]
    assert fused(program_of(network)) == layers


def test_a_norm_of_the_batch_itself_stays_a_layer():
    """Without running statistics each sample depends on the others, in eval mode too."""
    network = then(lambda net, x: net.bn(x), bn=nn.BatchNorm2d(4, track_running_stats=False))
    assert fused(capture(network, (torch.randn(IMAGE),))) == ["conv=conv2d", "bn=batch_norm"]


def test_two_norms_of_one_convolution_make_two_weights():
    network = Net(
        lambda net, x: net.a(net.conv(x)) + net.b(net.conv(x)),
        conv=conv(),
        a=batch_norm(nn.BatchNorm2d, 4),
        b=randomized_again(nn.BatchNorm2d(4)),
    )
    program = program_of(network)
    assert fused(program) == ["conv=conv2d", "conv_2=conv2d", "add=add"]
    assert [layer.weight_owner for layer in program.graph.layers] == ["conv", "conv_2", ""]
    assert not torch.equal(program.weight("conv"), program.weight("conv_2"))


def randomized_again(norm):
    norm.running_var.uniform_(2, 3)
    return norm


def test_one_norm_of_one_convolution_used_twice_makes_one_weight():
    network = Net(
        lambda net, x: net.bn(net.conv(x)) + net.bn(net.conv(x + 1)),
        conv=conv(),
        bn=batch_norm(nn.BatchNorm2d, 4),
    )
    program = program_of(network)
    assert [layer.weight_owner for layer in program.graph.layers if layer.kind == "conv"] == [
        "conv",
        "conv",
    ]
    assert list(program.weights) == ["conv"]


def test_one_norm_s_statistics_with_two_epsilons_make_two_weights():
    def both(net, x):
        statistics = net.bn.running_mean, net.bn.running_var
        return sum(F.batch_norm(net.conv(x), *statistics, eps=eps) for eps in (1e-5, 1.0))

    network = Net(both, conv=conv(), bn=batch_norm(nn.BatchNorm2d, 4))
    assert list(program_of(network).weights) == ["conv", "conv_2"]


def test_a_norm_takes_part_of_a_shared_weight_only_where_it_is_used():
    network = Net(
        lambda net, x: net.bn(net.conv(x)) + net.conv(x),
        conv=conv(),
        bn=batch_norm(nn.BatchNorm2d, 4),
    )
    program = program_of(network)
    assert fused(program) == ["conv=conv2d", "conv_2=conv2d", "add=add"]
    assert torch.equal(program.weight("conv_2"), network.conv.weight)


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


@pytest.mark.parametrize("case", IN_PLACE)
def test_in_place_operators_are_as_the_network_has_them(case):
    program_of(IN_PLACE[case])


def test_plain_in_place_operators_need_no_second_trace(monkeypatch):
    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(torch.export.ExportedProgram, "run_decompositions", refuse)
    network = Net(
        lambda net, x: net.drop(net.conv(x).relu_().add_(1)),
        conv=conv(),
        drop=nn.Dropout(inplace=True),
    )
    assert fused(program_of(network)) == ["conv=conv2d+relu+add"]


def test_a_product_by_a_number_has_no_macs():
    (layer,) = program_of(Net(lambda net, x: x * 2)).graph.layers
    assert (layer.kind, layer.macs, layer.output_elements) == ("mul", 0, 4 * 6 * 6)


def test_two_inputs_are_not_fused_into_each_other():
    network = TwoInputs(lambda net, x, y: (x * 2) + (y * 3))
    assert fused(program_of(network, IMAGE, IMAGE)) == [
        "mul=mul",
        "mul_2=mul",
        "add=add",
    ]


def test_every_kind_has_a_cost():
    assert set(KINDS.values()) - VECTOR_KINDS == {"conv", "linear", "matmul", "attention"}


@pytest.mark.parametrize("name", sorted((set(KINDS) | MOVEMENT) - {"getitem"}))
def test_every_operator_in_the_tables_exists(name):
    assert hasattr(torch.ops.aten, name)


def test_the_tables_do_not_contradict_each_other():
    assert not MOVEMENT & set(KINDS)
    assert {KINDS[name] for name in ACTIVATION_OPERATORS} == {"activation"}
