"""Networks of linear layers, measured, whose distortions can be counted by hand."""

import torch
from nets import Net
from torch import nn

from autosplit.capture.capture import capture
from autosplit.distortion.measure import measure
from autosplit.quantize.affine import fake_quantize

IMAGES = torch.randn(32, 6, generator=torch.Generator().manual_seed(0))


def batches():
    return iter(IMAGES.split(16))


def linear(classes=3):
    """Two linear layers; the answer is (batch, 1, classes), so that it counts as no classifier."""
    torch.manual_seed(0)
    return Net(
        lambda net, x: net.last(net.first(x)).unsqueeze(1),
        first=nn.Linear(6, 5),
        last=nn.Linear(5, classes),
    )


def classifier():
    torch.manual_seed(0)
    return Net(
        lambda net, x: net.last(net.middle(net.first(x).relu()).relu()),
        first=nn.Linear(6, 16),
        middle=nn.Linear(16, 16),
        last=nn.Linear(16, 8),
    )


def measured(network, images=batches):
    program = capture(network, (IMAGES[:1],))
    return program, measure(program, images)


def quantized(stats, tensor, width, value):
    return fake_quantize(value, stats.grids[tensor, "activation", width])
