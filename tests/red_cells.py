"""A tiny detector whose boxes are known: one box for each red cell of a picture."""

import numpy as np
import torch
from PIL import Image

from autosplit.graph.memory import crossing_bytes, edge_memory_bytes
from autosplit.grid.grid import Grid
from autosplit.models.networks.darknet import build_darknet
from autosplit.models.networks.darknet_weights import write_weights
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile

CFG = """\
[net]
width=64
height=64
[convolutional]
filters=3
size=1
stride=32
activation=leaky
[convolutional]
filters=7
size=1
activation=linear
[yolo]
anchors=16,8
classes=2
"""
# Layer 0 hands on the top left pixel of each of the four cells.  A red pixel is class 1 for sure,
# any other nothing; the box is the anchor in the middle of the cell.
RED = torch.tensor([[0.0] * 3] * 4 + [[40.0, -40, -40], [-20, 0, 0], [20, 0, 0]])
BIAS = torch.tensor([0.0, 0, 0, 0, -20, 0, 0])


def write_network(folder):
    """Write ``red.cfg``, ``red.weights``, ``red.names`` and two pictures."""
    network = build_darknet(CFG)
    first, last = getattr(network, "0"), getattr(network, "1")
    with torch.no_grad():
        first.weight.copy_(torch.eye(3)[:, :, None, None])
        first.bias.zero_()
        last.weight.copy_(RED[:, :, None, None])
        last.bias.copy_(BIAS)
    write_weights(network, folder / "red.weights")
    (folder / "red.cfg").write_text(CFG)
    (folder / "red.names").write_text("blue thing\nred thing\n")
    (folder / "pictures").mkdir()
    pixels = np.zeros((128, 128, 3), np.uint8)
    pixels[:64, 64:, 0] = 255  # the cell on the top right
    Image.fromarray(pixels).save(folder / "pictures" / "a.png")
    Image.fromarray(pixels[:, ::-1].copy()).save(folder / "pictures" / "b.png")


def plan_of(program, bits):
    """A plan with the first layer on the edge."""
    cut = program.graph.prefix(1)
    weights = {"0": Grid.of(8, (1 / 100,) * 3, (128,) * 3)}
    (image,) = program.graph.inputs
    activations = {name: Grid.of(bits, (1 / (2**bits - 1),), (0,)) for name in (image, "0")}
    widths = dict.fromkeys(activations, bits)
    plan = Plan(
        name="half",
        method="test",
        edge=cut.edge,
        weight_bits={"0": 8},
        activation_bits=widths,
        distortion=0.0,
        lower_bound=0.0,
        edge_memory_bytes=edge_memory_bytes(cut, {"0": 8}, widths),
        crossing_bytes=crossing_bytes(cut, widths),
    )
    return PlanFile(plan, weights, activations, program.graph.name, "")
