"""A residual network and its plans, with integers that are written out by hand."""

from dataclasses import replace

import torch
from torch import nn

from autosplit.graph.memory import crossing_bytes, edge_memory_bytes
from autosplit.grid.grid import Grid
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile


class Residual(nn.Module):
    """Two convolutions with a skip over the second: after it, two tensors of 27 elements cross."""

    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 3, 3, stride=2, padding=1)
        self.c2 = nn.Conv2d(3, 3, 3, padding=1)
        self.fc = nn.Linear(27, 6)

    def forward(self, x):
        y = torch.relu(self.c1(x))
        return self.fc((y + self.c2(y)).flatten(1))


IMAGES = torch.randn(9, 1, 6, 6, generator=torch.Generator().manual_seed(1))


def plan_file(program, count, widths=None, weights=None, activations=None):
    """A plan with the first ``count`` layers on the edge and the given integers."""
    graph = program.graph
    cut = graph.prefix(count)
    weights = {name: weights[name] for name in cut.weights}
    changes = widths or {}
    activations = {
        name: replace(activations[name], **changes[name]) if name in changes else activations[name]
        for name in cut.edge_tensors
    }
    bits = {name: q.bits for name, q in activations.items()}
    weight_bits = {name: q.bits for name, q in weights.items()}
    plan = Plan(
        name=f"cut{count}",
        method="test",
        edge=cut.edge,
        weight_bits=weight_bits,
        activation_bits=bits,
        distortion=0.0,
        lower_bound=0.0,
        edge_memory_bytes=edge_memory_bytes(cut, weight_bits, bits),
        crossing_bytes=crossing_bytes(cut, bits),
    )
    return PlanFile(plan, weights, activations, graph.name, "")


WEIGHTS = {
    "c1": Grid.of(4, (0.05, 0.04, 0.06), (7, 8, 6)),
    "c2": Grid.of(3, (0.06, 0.07, 0.05), (3, 4, 4)),
    "fc": Grid.of(5, (0.011, 0.012, 0.013, 0.014, 0.015, 0.016), (15, 16, 17, 14, 13, 16)),
}
ACTIVATIONS = {
    "x": Grid.of(8, (0.025,), (120,)),
    "c1": Grid.of(5, (0.0613,), (0,)),
    "c2": Grid.of(7, (0.0207,), (60,)),
    "add": Grid.of(6, (0.0511,), (20,)),
    "fc": Grid.of(8, (0.01013,), (128,)),
}


# A network whose answer is its input; its plan halves the score of class 0.
CLASSES = 6
BASE = torch.tensor([0.05, 0.04, 0.03, 0.02, 0.01, 0.0])


def image(**scores):
    """Scores of the classes; those not given fall, so that class 5 is never in the top 5."""
    values = BASE.clone()
    for name, score in scores.items():
        values[int(name[1:])] = score
    return values
