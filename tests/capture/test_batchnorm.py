"""Batch norms are folded into the layer they alone read."""

import pytest
import torch
import torch.nn.functional as F
from fusions import IMAGE, checked, conv, normed, then
from nets import Net, batch_norm, fused
from torch import nn

from autosplit.capture.batchnorm import fold_values
from autosplit.capture.capture import capture


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
    program = checked(normed(layer, norm), shape)
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
    checked(network)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.filterwarnings("ignore:.*samples are run one at a time")
def test_a_norm_of_the_batch_itself_stays_a_layer():
    """Without running statistics each sample depends on the others, in eval mode too."""
    network = then(lambda net, x: net.bn(x), bn=nn.BatchNorm2d(4, track_running_stats=False))
    assert fused(capture(network, (torch.randn(IMAGE),))) == ["conv=conv2d", "bn=batch_norm"]


def test_a_norm_of_a_convolution_that_something_else_reads_too_stays_a_layer():
    """Folded, it would change what the other reader gets."""
    network = then(
        lambda net, x: net.norm(x) + F.max_pool2d(x, 1), norm=batch_norm(nn.BatchNorm2d, 4)
    )

    assert "norm" in checked(network).graph.by_name


def test_two_norms_of_one_convolution_make_two_weights():
    network = Net(
        lambda net, x: net.a(net.conv(x)) + net.b(net.conv(x)),
        conv=conv(),
        a=batch_norm(nn.BatchNorm2d, 4),
        b=randomized_again(nn.BatchNorm2d(4)),
    )
    program = checked(network)
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
    program = checked(network)
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
    assert list(checked(network).weights) == ["conv", "conv_2"]


def test_a_norm_takes_part_of_a_shared_weight_only_where_it_is_used():
    network = Net(
        lambda net, x: net.bn(net.conv(x)) + net.conv(x),
        conv=conv(),
        bn=batch_norm(nn.BatchNorm2d, 4),
    )
    program = checked(network)
    assert fused(program) == ["conv=conv2d", "conv_2=conv2d", "add=add"]
    assert torch.equal(program.weight("conv_2"), network.conv.weight)
