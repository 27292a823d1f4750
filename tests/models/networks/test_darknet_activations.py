"""Activations against Darknet's definitions of them, number by number."""

import math

import pytest
import torch

from autosplit.errors import ModelError
from autosplit.models.networks.darknet import build_darknet
from autosplit.models.networks.darknet_activations import DARKNET_ACTIVATIONS, activation_of
from autosplit.models.networks.darknet_section import Section


def stair(x):
    n = math.floor(x)
    return math.floor(x / 2) if n % 2 == 0 else (x - n) + math.floor(x / 2)


def plse(x):
    return 0.01 * (x + 4) if x < -4 else 0.01 * (x - 4) + 1 if x > 4 else 0.125 * x + 0.5


def lhtan(x):
    return 0.001 * x if x < 0 else 0.001 * (x - 1) + 1 if x > 1 else x


def elu(x):
    return x if x >= 0 else math.exp(x) - 1


def selu(x):
    return 1.0507 * x if x >= 0 else 1.0507 * 1.6732 * (math.exp(x) - 1)


def logistic(x):
    return 1 / (1 + math.exp(-x))


def gelu(x):
    return 0.5 * x * (1 + math.tanh(0.797885 * x + 0.035677 * x**3))


EXPECTED = {
    "linear": lambda x: x,
    "logistic": logistic,
    "loggy": lambda x: 2 / (1 + math.exp(-x)) - 1,
    "relu": lambda x: max(x, 0),
    "relu6": lambda x: min(max(x, 0), 6),
    "elu": elu,
    "selu": selu,
    "relie": lambda x: x if x > 0 else 0.01 * x,
    "ramp": lambda x: max(x, 0) + 0.1 * x,
    "leaky": lambda x: x if x > 0 else 0.1 * x,
    "tanh": math.tanh,
    "hardtan": lambda x: -1 if x < -1 else min(x, 1),
    "lhtan": lhtan,
    "plse": plse,
    "stair": stair,
    "swish": lambda x: x * logistic(x),
    "mish": lambda x: x * math.tanh(math.log1p(math.exp(x))),
    "hard_mish": lambda x: x if x > 0 else x * x / 2 + x if x > -2 else 0,
    "gelu": gelu,
    "revleaky": lambda x: x if x > 0 else 0.1 * x,
    "h_swish": lambda x: x * min(max(x + 3, 0), 6) / 6,
}
OF_CHANNELS = {
    # of the channels of one pixel, with Darknet's 0.0001 in the divisor
    "normalize_channels": lambda xs: [max(x, 0) for x in xs],
    "normalize_channels_softmax": lambda xs: [math.exp(x) for x in xs],
    "normalize_channels_softmax_maxval": lambda xs: [math.exp(x - max(xs)) for x in xs],
}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_an_activation_is_what_darknet_computes(name):
    xs = [-9.5, -4.25, -3.0, -2.0, -1.5, -0.5, 0.0, 0.5, 1.0, 1.5, 2.5, 3.75, 4.5, 7.0]

    found = DARKNET_ACTIVATIONS[name](torch.tensor(xs))

    torch.testing.assert_close(
        found, torch.tensor([float(EXPECTED[name](x)) for x in xs]), rtol=1e-4, atol=1e-4
    )


def test_every_activation_is_tested():
    assert set(DARKNET_ACTIVATIONS) == {*EXPECTED, *OF_CHANNELS}


@pytest.mark.parametrize("name", sorted(OF_CHANNELS))
def test_activations_over_channels_divide_by_the_sum_of_the_pixel(name):
    xs = [-9.0, -8.5, -1.0, 0.5, 2.0]
    parts = OF_CHANNELS[name](xs)
    image = torch.tensor(xs)[None, :, None, None].expand(1, 5, 2, 3)

    found = DARKNET_ACTIVATIONS[name](image)

    expected = torch.tensor([part / (sum(parts) + 1e-4) for part in parts])
    torch.testing.assert_close(found[0, :, 1, 2], expected)


def test_a_layer_of_an_unknown_activation_is_refused():
    section = Section("convolutional", 0, "a.cfg:3: [convolutional]", {"activation": "leeky"})

    with pytest.raises(ModelError, match="unknown activation 'leeky', did you mean 'leaky'"):
        activation_of(section, "linear")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("none", "which is relu to Darknet and linear to other programs; write the one"),
        ("NONE", "which is relu to Darknet and linear to other programs; write the one"),
        ("silu", "which is relu to Darknet; write swish"),
        ("sigmoid", "which is relu to Darknet; write logistic"),
        ("identity", "which is relu to Darknet; write linear"),
        ("prelu", "its slopes are not in Darknet's weights"),
        ("Leaky", "did you mean 'leaky'?"),
    ],
)
def test_a_name_that_is_not_darknets_is_refused_with_its_line(name, told):
    with pytest.raises(ModelError) as error:
        build_darknet(f"[net]\nwidth=8\nheight=8\n[conv]\nsize=1\nactivation={name}\n", "a.cfg")

    assert str(error.value).startswith(
        f"a.cfg:6: [convolutional] of layer 0: unknown activation {name!r}, {told}"
    )
