"""A plan file that is written out by hand, and the network that it is for."""

from dataclasses import replace

import numpy as np

from autosplit.graph.graph import Graph
from autosplit.graph.layer import Layer
from autosplit.grid.grid import Grid
from autosplit.halves.wire.layout import WireLayout, WireTensor
from autosplit.hardware.prediction import Prediction
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile


def layer(name, inputs, shape, **more):
    return Layer(name, more.pop("kind", "conv"), inputs, ((1,),) * len(inputs), shape, **more)


# x -> a -> b -> cat(a, b) -> again, which reads a's weight once more
GRAPH = Graph(
    "toy",
    {"x": (6,)},
    (
        layer("a", ("x",), (5,), weight_elements=10, weight_channels=2, fixed_elements=2),
        layer("b", ("a",), (3,), weight_elements=15, weight_channels=3, fixed_elements=3),
        layer("c", ("a", "b"), (8,), kind="cat"),
        layer("again", ("c",), (5,), weight_elements=10, weight_channels=2, weight_owner="a"),
    ),
    ("again",),
)
ONE_THIRD = float(np.float32(1 / 3))
TINY = float(np.float32(1.1754944e-38))


def plan_file(**change):
    """Layers a and b on the edge; a is at 4 and 3 bits, b at 5 and 7."""
    plan = Plan(
        name="mine",
        method="autosplit",
        edge=("a", "b"),
        weight_bits={"a": 4, "b": 5},
        activation_bits={"x": 8, "a": 3, "b": 7},
        distortion=0.25,
        lower_bound=0.2,
        # weights ceil(40/8) + ceil(75/8) = 5 + 10, fixed 5 x 4; live at most x, a (6 + 2)
        edge_memory_bytes=43,
        # a and b cross: ceil(15/8) + ceil(21/8)
        crossing_bytes=5,
        predictions={"3mbps": Prediction(0.1, 0.2, 0.3)},
    )
    weights = {
        "a": Grid.of(4, (ONE_THIRD, TINY), (15, 0)),
        "b": Grid.of(5, (0.5, 0.25, 0.125), (16, 31, 1)),
    }
    activations = {
        "x": Grid.of(8, (0.1,), (255,)),
        "a": Grid.of(3, (1.0,), (0,)),
        "b": Grid.of(7, (2.0,), (127,)),
    }
    wire = WireLayout((WireTensor("a", (5,), 3), WireTensor("b", (3,), 7)))
    file = PlanFile(plan, weights, activations, "toy", "ab12", "cloud16", {"3mbps": 0.9}, wire=wire)
    return replace(file, **change)
