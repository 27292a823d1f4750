"""Strides that differ down and across."""

import pytest
import torch

from autosplit.errors import ModelError
from autosplit.models.networks.darknet import build_darknet
from autosplit.models.networks.darknet_section import Section
from autosplit.models.networks.darknet_shape import build_same, strides_of


def section(**options):
    return Section("maxpool", 0, "a.cfg:3", {key: str(value) for key, value in options.items()})


def test_a_stride_holds_down_and_across_unless_told_otherwise():
    assert strides_of(section()) == (1, 1)
    assert strides_of(section(stride=2)) == (2, 2)
    assert strides_of(section(stride=2, stride_x=1)) == (2, 1)
    with pytest.raises(ModelError, match="stride_y must be a whole number of at least 1"):
        strides_of(section(stride_y=0))


@pytest.mark.parametrize("kind", ["conv", "maxpool"])
def test_layers_step_as_their_strides_say(kind):
    text = f"[net]\nwidth=8\nheight=8\n[{kind}]\nsize=2\nstride_x=1\nstride_y=2\n"
    text += "padding=0\nfilters=3\n" if kind == "conv" else "padding=0\n"

    network = build_darknet(text)

    assert network.shapes == [(3, 4, 7)]
    assert network(torch.rand(1, 3, 8, 8)).shape == (1, 3, 4, 7)


def test_what_hands_on_its_input_keeps_the_shape():
    assert build_same(section(), [(3, 4, 5)])[1] == (3, 4, 5)
