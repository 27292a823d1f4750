"""Networks for the tests: the required torchvision ones, and tiny ones made on the spot."""

import functools
from dataclasses import dataclass

import torch
import torchvision
from torch import Tensor, nn

from autosplit.capture.capture import capture
from autosplit.capture.program import Program

REQUIRED = (
    "resnet18 resnet50 resnext50_32x4d googlenet mobilenet_v2 mnasnet1_0 densenet121 "
    "efficientnet_b0 shufflenet_v2_x1_0 convnext_tiny vit_b_16 swin_t"
).split()
SIDE = 64


class Net(nn.Module):
    """A network of one input from a function of (network, x), and its modules."""

    def __init__(self, function, **modules):
        super().__init__()
        self._function = function
        for name, module in modules.items():
            setattr(self, name, module)
        self.eval()

    def forward(self, x):
        return self._function(self, x)


class TwoInputs(Net):
    """The same with two inputs."""

    def forward(self, x, y):
        return self._function(self, x, y)


def batch_norm(kind, channels, **options):
    """A batch norm that does something: random statistics, scale and shift."""
    norm = kind(channels, **options)
    return randomize(norm, seed=channels)


def randomize(network, seed=0):
    """Give every constant tensor of a network random values, so that a mistake shows.

    Fresh networks hold norms that change nothing, and heads and layer scales that hide all else.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        constant = tensor.is_floating_point() and bool((tensor == tensor.flatten()[0]).all())
        if constant and name.endswith(("running_var", "layer_scale")):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif constant:
            tensor.add_(torch.randn(tensor.shape, generator=generator), alpha=0.1)
    return network


@dataclass(frozen=True)
class Captured:
    network: nn.Module
    program: Program
    images: Tensor  # three, not those it was captured with
    answer: Tensor


def required(name, side=SIDE):
    """One of the required networks with random weights, at a small image size, in eval mode."""
    options = {"vit_b_16": {"image_size": side}, "googlenet": {"aux_logits": False}}.get(name, {})
    if name == "googlenet":
        options["init_weights"] = False  # only slower and as random
    torch.manual_seed(0)
    return randomize(getattr(torchvision.models, name)(weights=None, **options)).eval()


@functools.cache
def captured(name):
    """One of the required networks, captured once for all tests."""
    network = required(name)
    generator = torch.Generator().manual_seed(1)
    images = torch.randn((4, 3, SIDE, SIDE), generator=generator)
    program = capture(network, (images[:1],), name)
    with torch.no_grad():
        return Captured(network, program, images[1:], network(images[1:]))


def relative_error(got, want):
    """Largest difference relative to the largest value; fails where that says nothing."""
    assert got.shape == want.shape
    assert want.isfinite().all()
    assert want.abs().max() > 0
    return float((got - want).abs().max() / want.abs().max())


def fused(program):
    """What was fused into which layer: ``name=operator+operator``, in order."""
    return [f"{layer.name}={'+'.join(layer.operators)}" for layer in program.graph.layers]
