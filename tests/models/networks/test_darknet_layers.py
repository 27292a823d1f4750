"""What each Darknet section computes and the shape of its output, against Darknet's own loops."""

import itertools
import math

import pytest
import torch
from torch.nn import functional

from autosplit.models.networks.darknet import build_darknet

NET = "[net]\nwidth=64\nheight=64\nchannels=3\n"
CONV = "[convolutional]\nfilters=4\nsize=3\npad=1\nactivation=linear\n"


def build(layers, net=NET):
    torch.manual_seed(0)
    return build_darknet(net + layers, "a.cfg").eval()


def darknet_maxpool(image, size, stride, padding):
    """Darknet's loops: windows begin at -padding / 2, what is outside never wins."""
    height, width = image.shape
    rows, columns = ((side + padding - size) // stride + 1 for side in (height, width))
    result = torch.full((rows, columns), -math.inf)
    for i, j, n, m in itertools.product(range(rows), range(columns), range(size), range(size)):
        row, column = -(padding // 2) + i * stride + n, -(padding // 2) + j * stride + m
        if 0 <= row < height and 0 <= column < width:
            result[i, j] = max(result[i, j], image[row, column])
    return result


@pytest.mark.parametrize("side", [6, 7])
@pytest.mark.parametrize(
    ("size", "stride", "padding"),
    [
        (2, 1, None),
        (2, 2, None),
        (3, 1, None),
        (3, 2, None),
        (5, 1, None),
        (2, 1, 0),
        (3, 2, 1),
        (4, 2, 3),
        (1, 2, 0),
    ],
)
def test_a_max_pool_is_darknets(side, size, stride, padding):
    text = f"[maxpool]\nsize={size}\nstride={stride}\n"
    text += "" if padding is None else f"padding={padding}\n"
    network = build(text, NET.replace("64", str(side)))
    images = torch.randn(2, 3, side, side) - 5  # a border of zeros would win

    found = network(images)

    expected = [
        darknet_maxpool(plane, size, stride, size - 1 if padding is None else padding)
        for plane in images.flatten(0, 1)
    ]
    assert torch.equal(found.flatten(0, 1), torch.stack(expected))
    assert found.shape[1:] == network.shapes[0]


def test_a_convolution_normalizes_then_activates():
    text = CONV.replace("linear", "leaky") + "batch_normalize=1\ngroups=1\nstride=2\n"
    network = build(text)
    conv = getattr(network, "0")
    for tensor in (conv.norm.weight, conv.norm.bias, conv.norm.running_mean, conv.norm.running_var):
        tensor.data.uniform_(0.5, 2)
    images = torch.randn(2, 3, 64, 64)

    raw = functional.conv2d(images, conv.weight, stride=2, padding=1)
    norm = conv.norm
    mean, var, gain, shift = (
        value[:, None, None]
        for value in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    )
    y = gain * (raw - mean) / (var + 1e-5).sqrt() + shift

    torch.testing.assert_close(network(images), torch.where(y > 0, y, y / 10))


def test_padding_groups_and_dilation_are_those_of_the_file():
    text = "[conv]\nfilters=6\nsize=3\npadding=2\ndilation=2\ngroups=3\nactivation=linear\n"
    network = build(text)
    conv = getattr(network, "0")
    images = torch.randn(1, 3, 64, 64)

    expected = functional.conv2d(images, conv.weight, conv.bias, padding=2, dilation=2, groups=3)

    assert conv.weight.shape == (6, 1, 3, 3)
    assert network.shapes == [(6, 64, 64)]
    torch.testing.assert_close(network(images), expected)


def test_routes_shortcuts_and_upsampling():
    text = CONV + CONV + "[shortcut]\nfrom=-2\nactivation=relu\n"  # 2 = relu(1 + 0)
    text += "[route]\nlayers=-1,0\n"  # 3: 2 beside 0
    text += "[route]\nlayers=3\ngroups=4\ngroup_id=1\n"  # 4: channels 2 and 3 of layer 3's 8
    text += "[upsample]\nstride=2\n[dropout]\nprobability=.5\n[route]\nlayers=5\n"
    network = build(text)
    images = torch.randn(1, 3, 64, 64)

    first = getattr(network, "0")(images)
    both = torch.relu(getattr(network, "1")(first) + first)
    expected = both[:, 2:4].repeat_interleave(2, 2).repeat_interleave(2, 3)

    assert network.shapes[3:6] == [(8, 64, 64), (2, 64, 64), (2, 128, 128)]
    torch.testing.assert_close(network(images), expected)


def test_a_route_of_groups_takes_the_group_of_each_layer():
    network = build(CONV + CONV + "[route]\nlayers=0,1\ngroups=2\ngroup_id=1\n")
    images = torch.randn(1, 3, 64, 64)

    first = getattr(network, "0")(images)
    second = getattr(network, "1")(first)

    torch.testing.assert_close(network(images), torch.cat([first[:, 2:], second[:, 2:]], 1))


def test_a_classifier_ends_in_one_number_per_class():
    network = build(CONV + "[avgpool]\n[softmax]\ngroups=1\n")
    images = torch.randn(2, 3, 64, 64)

    assert network.heads == ()
    torch.testing.assert_close(network(images), getattr(network, "0")(images).mean((2, 3)))


def test_an_upsampling_of_three_repeats_each_pixel_three_times():
    network = build("[upsample]\nstride=3\n", NET.replace("64", "2"))
    images = torch.randn(1, 3, 2, 2)

    expected = images.repeat_interleave(3, 2).repeat_interleave(3, 3)

    assert network.shapes == [(3, 6, 6)]
    assert torch.equal(network(images), expected)


@pytest.mark.parametrize("side", [5, 8, 9])
@pytest.mark.parametrize(
    ("size", "stride", "dilation"), [(3, 1, 1), (3, 2, 1), (1, 2, 1), (3, 2, 2)]
)
def test_the_shape_that_a_convolution_states_is_that_of_its_output(side, size, stride, dilation):
    text = f"[conv]\nfilters=4\nsize={size}\nstride={stride}\ndilation={dilation}\npad=1\n"
    network = build(text, NET.replace("64", str(side)))

    assert network(torch.zeros(1, 3, side, side)).shape[1:] == network.shapes[0]


def test_a_shortcut_without_an_activation_is_the_sum_alone():
    network = build(CONV + CONV + "[shortcut]\nfrom=-2\n")
    images = torch.randn(1, 3, 64, 64)
    first = getattr(network, "0")(images)

    torch.testing.assert_close(network(images), first + getattr(network, "1")(first))
