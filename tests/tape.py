"""A stand-in for a captured program, whose layers are functions of its input, and its data."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from autosplit.graph.graph import Graph
from autosplit.graph.layer import Layer

SHAPE = (3, 20, 20)


@dataclass
class Tape:
    """A stand-in for a captured program: its layers are functions of the input."""

    functions: dict
    stored: dict = field(default_factory=dict)
    shape: tuple = SHAPE
    masked: frozenset = frozenset()

    def __post_init__(self):
        self.masked = frozenset()
        probe = torch.zeros(1, *self.shape)
        self.graph = Graph(
            "tape",
            {"input": self.shape},
            tuple(
                Layer(name, "add", ("input",), (self.shape,), tuple(function(probe).shape[1:]))
                for name, function in self.functions.items()
            ),
            (next(iter(self.functions)),),
        )
        self.weights = {name: Stored(axis) for name, (_, axis) in self.stored.items()}

    def weight(self, layer):
        return self.stored[layer][0]

    def samples(self, _tensor, value):
        return value

    def flatten(self, batch):
        return (batch,)

    def count(self, inputs):
        return len(inputs[0])

    def run(self, inputs, watch=None):
        watch("input", inputs[0])
        for name, function in self.functions.items():
            watch(name, function(inputs[0]))
        return ()


@dataclass
class Stored:
    axis: int


FUNCTIONS = {
    "relu": torch.relu,
    "silu": nn.functional.silu,
    "offset": lambda x: x * 0.01 + 1000,
    "far offset": lambda x: (x * 2e-5 + 1).half(),
    "skewed offset": lambda x: torch.relu(x) * 0.3 + 1000,
    "huge": lambda x: x.abs() * 5e37,
    "minute": lambda x: x * 1e-30,
    "centred": lambda x: x - x.mean((1, 2, 3), keepdim=True) + 1e-3,
    "outlier": lambda x: torch.where(x > 3.2, 1e5 * x, x),
    "sparse": lambda x: torch.relu(x - 2.5),
    "double": lambda x: x.double() / 3,
    "integers": lambda x: (x * 10).long(),
    "channels last": lambda x: x.to(memory_format=torch.channels_last),
    "few": lambda x: x.mean((2, 3)),
    "one": lambda x: x.mean((1, 2, 3)),
    "strided": lambda x: x[:, :, ::2, 1:],
}


def samples(count, seed=0, shape=SHAPE):
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed))


def split(data, sizes):
    return lambda: iter(torch.split(data, sizes))


def expected_stats(value):
    x = value.double().numpy().reshape(len(value), -1)
    mean = x.mean()
    return {
        "min": x.min(),
        "max": x.max(),
        "avg_min": x.min(1).mean(),
        "avg_max": x.max(1).mean(),
        "mean": mean,
        "std": x.std(),
        "b": np.abs(x - mean).mean(),
    }
