"""Plans over links with made-up scores, for the tests of the report."""

from autosplit.graph.graph import Graph
from autosplit.graph.layer import Layer
from autosplit.hardware.prediction import Prediction
from autosplit.plan.plan import Plan
from autosplit.report.candidate import Candidate, FloatScore
from autosplit.report.points import Points
from autosplit.stats.coding import InputCoding


def layer(name, reads, shape, weight_elements=0):
    return Layer(name, "conv", reads, ((1,),) * len(reads), shape, weight_elements, weight_elements)


# x -> a -> b, and c reads both a and b
GRAPH = Graph(
    "toy",
    {"x": (100,)},
    (
        layer("a", ("x",), (10,), 30),
        layer("b", ("a",), (20,), 10),
        layer("c", ("a", "b"), (5,)),
    ),
    ("c",),
)
NAMES = ("a", "b", "c")
JPEG = InputCoding(75, 40.0, 0.1)
FLOAT_SCORE = FloatScore("top-1", 0.937, 1000)
PLACES = (
    # name, seconds, points lost, layers on the edge, method, whether it fits
    ("cut1", 0.004, 3.0, 1, "autosplit", True),
    ("cut2", 0.006, 0.5, 2, "autosplit", True),
    ("cloud16", 0.2, 0.0, 0, "cloud16", True),
    ("uniform2", 0.003, 70.0, 3, "uniform2", True),
    ("uniform6", 0.0062, 0.5, 3, "uniform6", True),
    ("uniform8", 0.009, 0.4, 3, "uniform8", False),
)


def plan(name="p", layers=2, memory=500, method="autosplit", coding=None):
    """The first layers on the edge, a at 3 bits and b at 6; all of it 6 ms over 3mbps."""
    edge = NAMES[:layers]
    widths = {"x": 8, "a": 3, "b": 6, "c": 8}
    return Plan(
        name=name,
        method=method,
        edge=edge,
        weight_bits={key: bits for key, bits in (("a", 2), ("b", 8)) if key in edge},
        activation_bits={key: widths[key] for key in ("x", *edge)},
        distortion=0.5,
        lower_bound=0.4,
        edge_memory_bytes=memory,
        crossing_bytes={0: 100, 1: 4, 2: 19, 3: 0}[layers] if coding is None else coding.sent,
        predictions={"3mbps": Prediction(0.001, 0.002, 0.003)},
        input_coding=coding,
    )


def one(name="p", latency=0.006, drop=0.0, fits=True, link="3mbps", **about):
    """A plan over a link: a quarter of the seconds on the edge, half of them on the link."""
    seconds = Prediction(latency / 4, latency / 2, latency / 4)
    known = {
        key: about.pop(key) for key in ("interval", "drop_interval", "stopped") if key in about
    }
    accuracy = about.pop("accuracy", None if drop is None else 0.937 - drop / 100)
    return Candidate(plan(name, **about), link, seconds, fits, drop, accuracy, **known)


def points_over(links=("3mbps",), score=FLOAT_SCORE):
    """The plans of ``PLACES`` over links."""
    found = [
        one(name, seconds, drop, fits, link, layers=layers, method=method)
        for link in links
        for name, seconds, drop, layers, method, fits in PLACES
    ]
    return Points(found, "toy: here + there", score)
