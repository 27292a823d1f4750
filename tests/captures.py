"""Networks captured on the spot, for the tests of capture and of the halves."""

import re

import nets
import torch
from nets import (
    relative_error,
)
from torch import nn

from autosplit.capture.capture import capture
from autosplit.halves.partition import cloud_part, edge_part

FORWARD = re.escape(nets.__file__) + r":\d+"
"""Where the networks made here have their forward."""


IMAGE = (1, 3, 8, 8)


def program_of(network, *shapes):
    """The program of a network that was captured with random images, one unless told otherwise."""
    return capture(network, [torch.randn(shape) for shape in shapes or (IMAGE,)], "net")


def conv(channels=3, **options):
    """A convolution of images that keeps their size."""
    return nn.Conv2d(3, channels, 3, padding=1, **options)


def same(program, network, *inputs):
    """Whether a program gives a network's outputs, in order."""
    with torch.no_grad():
        want = network(*(tensor.clone() for tensor in inputs))
    leaves = torch.utils._pytree.tree_leaves(want)
    pairs = zip(program.run(inputs), leaves, strict=True)
    return all(relative_error(got, expected) < 1e-4 for got, expected in pairs)


def split(program, cut, insert=None):
    """The edge half and the cloud half of a program."""
    return edge_part(program, cut, insert), cloud_part(program, cut)
