"""Networks whose fused program is checked against them as it is made."""

import torch
from nets import Net, relative_error
from torch import nn

from autosplit.capture.capture import capture

IMAGE = (1, 4, 6, 6)


def checked(network, *shapes):
    """A network's program, which must answer as the network does on other inputs."""
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
    """A layer and its batch norm."""
    return Net(lambda net, x: net.norm(net.layer(x)), layer=layer, norm=norm)


def then(function, **modules):
    """A convolution and what follows it."""
    return Net(lambda net, x: function(net, net.conv(x)), conv=conv(), **modules)
