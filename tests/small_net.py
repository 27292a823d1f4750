"""A small classifier with its data, captured and measured once, for the Python interface."""

import functools
from types import SimpleNamespace

import torch
from torch import nn

import autosplit

IMAGES = torch.randn(12, 1, 8, 8, generator=torch.Generator().manual_seed(3))
LABELS = torch.arange(12) % 5


def module():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = [
            nn.Conv2d(1, 4, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(4, 6, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(96, 5),
        ]
        return nn.Sequential(*layers).eval()


def batches():
    return [(IMAGES[:7], LABELS[:7]), (IMAGES[7:], LABELS[7:])]


@functools.cache
def searched():
    """The network, its statistics, a problem over two links, its front, and scores of the front."""
    net = autosplit.capture(module(), IMAGES[:1], name="small")
    stats = autosplit.measure(net, [IMAGES[:8]])
    links = ["1mbps", "20kbps"]
    problem = autosplit.Problem(net.graph, stats, edge="raspberry_pi_4", links=links, memory=4000)
    front = autosplit.search(problem)
    scores = autosplit.evaluate(net, front, batches())
    return SimpleNamespace(net=net, stats=stats, problem=problem, front=front, scores=scores)
