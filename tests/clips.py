"""A small network with a plan whose activations are clipped too far out."""

from dataclasses import replace

import torch
from measured import plan_for
from nets import Net
from torch import nn

from autosplit.capture.capture import capture
from autosplit.distortion.divergence import output_divergence
from autosplit.finish.lapq import scaled
from autosplit.halves.deployed import deploy

IMAGES = torch.randn(64, 3, 8, 8, generator=torch.Generator().manual_seed(0))
FRESH = torch.randn(200, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def too_wide():
    """A network and a plan whose activations are clipped at three times what suits them."""
    torch.manual_seed(0)
    net = Net(
        lambda net, x: net.fc(net.b(net.a(x).relu()).relu().flatten(1)),
        a=nn.Conv2d(3, 8, 3),
        b=nn.Conv2d(8, 8, 3),
        fc=nn.Linear(128, 10),
    )
    program = capture(net, (IMAGES[:1],))
    file, fine = plan_for(program, IMAGES, 8, 3), plan_for(program, IMAGES, 8)
    exact = {name: fine.activations[name] for name in ("x", "fc")}
    file = replace(file, activations={**file.activations, **exact})
    wide = {n: scaled(q, 1.9) if n in ("a", "b") else q for n, q in file.activations.items()}
    return program, replace(file, activations=wide)


def loss(program, file):
    return output_divergence(program.run((FRESH,)), deploy(program, file)(FRESH)[0]) / len(FRESH)
