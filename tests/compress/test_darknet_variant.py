"""Pruned Darknets as files: what is written, and what comes back."""

import numpy as np
import pytest
import torch

from autosplit.compress.channel_groups import channel_groups
from autosplit.compress.darknet_variant import write_darknet
from autosplit.compress.live import live_network
from autosplit.compress.residual_blocks import residual_blocks, without_blocks
from autosplit.compress.slicing import sliced
from autosplit.errors import CaptureError
from autosplit.models.load import load_model
from autosplit.models.networks.darknet import build_darknet

CFG = """[net]
width=32
height=32
channels=3
[convolutional] # 0
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=leaky
[convolutional] # 1
batch_normalize=1
filters=4
size=1
activation=leaky
[convolutional] # 2
batch_normalize=1
filters=8
size=3
pad=1
activation=leaky
[shortcut] # 3
from=-3
activation=linear
[depthwise] # 4
filters=8
size=3
pad=1
batch_normalize=1
activation=relu
[convolutional] # 5
batch_normalize=1
filters=6
size=1
activation=leaky
[route] # 6
layers=-1,3
[convolutional] # 7
filters=21
size=1
activation=linear
[yolo] # 8
mask=0,1,2
anchors=2,2, 4,4, 8,8
classes=2
num=3
"""


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = build_darknet(CFG).eval()
    for part in made.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    return made


def half(live, count=None):
    """Prune half of each group, or so many channels of the last one."""
    channels = channel_groups(live)
    keep = np.ones(len(channels.free), bool)
    for group in channels.groups if count is None else channels.groups[-1:]:
        keep[list(group.units[: count or len(group.units) // 2])] = False
    return sliced(live, channels, keep)


def loaded(folder):
    return load_model(f"yolo:{folder / 'network.cfg'}", weights=str(folder / "network.weights"))


def test_a_pruned_network_is_read_back_with_the_same_outputs(network, tmp_path):
    small = half(live_network(network, torch.zeros(1, 3, 32, 32)))

    write_darknet(tmp_path, network, small, ("cat", "dog"))

    again, x = loaded(tmp_path), torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(again.module(x)[0], small.module(x)[0])
    assert again.labels == ("cat", "dog")
    assert [head.classes for head in again.heads] == [2]
    sections = again.module.sections[1:]
    filters = [s.integer("filters") for s in sections if "filters" in s.options]
    assert filters == [4, 2, 4, 4, 3, 21]


def test_layers_are_counted_anew_where_a_block_went(network, tmp_path):
    live = live_network(network, torch.zeros(1, 3, 32, 32))
    small = half(live)
    small = without_blocks(small, residual_blocks(small))

    write_darknet(tmp_path, network, small)

    again, x = loaded(tmp_path), torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(again.module(x)[0], small.module(x)[0])
    sections = again.module.sections[1:]
    assert [section.kind for section in sections] == [
        "convolutional",
        "depthwise",
        "convolutional",
        "route",
        "convolutional",
        "yolo",
    ]
    assert sections[3].integers("layers") == (2, 0)


def test_a_file_that_cannot_say_the_network_is_not_written(network, tmp_path):
    """Both halves of a route in groups have the same size in a file."""
    text = CFG.replace("layers=-1,3", "layers=-1,3\ngroups=2\ngroup_id=1")
    made = build_darknet(text).eval()
    small = half(live_network(made, torch.zeros(1, 3, 32, 32)), 1)

    with pytest.raises(CaptureError, match=r"network\.cfg: "):
        write_darknet(tmp_path, made, small)
    assert not (tmp_path / "network.weights").exists()
