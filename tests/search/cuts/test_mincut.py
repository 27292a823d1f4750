import math
import random

import pytest
from builders import CLOUD, EDGE, LINKS, chain, closed_cuts, graphs, layer, random_graph
from hypothesis import given, settings
from hypothesis import strategies as st

from autosplit.errors import InfeasibleError
from autosplit.graph.graph import Graph
from autosplit.hardware.prediction import PlanWidths, predict
from autosplit.hardware.seconds import layer_s
from autosplit.search.baselines.literature import link_charges
from autosplit.search.cuts import mincut
from autosplit.search.cuts.mincut import Charges, cut_vertices, min_cut, min_cut_between

CUTTERS = pytest.mark.parametrize("cutter", [min_cut, min_cut_between])


def draw_costs(graph, rng, top=9):
    """Whole seconds, so that sums are exact; few different ones, so that there are ties."""
    run = [[rng.randint(0, top) for _ in graph.layers] for _ in range(2)]
    up = {tensor: rng.randint(0, top) for tensor in graph.tensors}
    back = {name: rng.randint(0, 3) for name in graph.outputs if name in graph.by_name}
    return (*run, up, Charges(rng.choice([0, 2, 7]), rng.choice([0, 1, 5]), back))


def seconds(cut, costs):
    """What a cut costs, added up from the definitions."""
    edge, cloud, up, more = costs
    rank = cut.graph.rank
    total = sum(edge[rank[n]] for n in cut.edge) + sum(cloud[rank[n]] for n in cut.cloud)
    if cut.crossing:
        total += more.message_s + sum(up[tensor] for tensor in cut.crossing)
    if cut.answers:
        total += more.reply_s + sum(more.answers_s.get(tensor, 0) for tensor in cut.answers)
    return total


@CUTTERS
@pytest.mark.parametrize("seed", range(300))
def test_no_closed_cut_is_faster(cutter, seed):
    rng = random.Random(seed)
    graph = random_graph(rng)
    costs = draw_costs(graph, rng)

    got = seconds(cutter(graph, *costs), costs)

    assert got == min(seconds(cut, costs) for cut in closed_cuts(graph))


@CUTTERS
@pytest.mark.parametrize("seed", range(60))
def test_layers_that_run_on_one_side_only_are_put_there(cutter, seed):
    rng = random.Random(seed)
    graph = random_graph(rng, 6)
    edge, cloud, up, more = draw_costs(graph, rng)
    for side in (edge, cloud):
        for rank in range(len(graph.layers)):
            if rng.random() < 0.3:
                side[rank] = math.inf
    costs = edge, cloud, up, more
    best = min(seconds(cut, costs) for cut in closed_cuts(graph))

    if best == math.inf:
        with pytest.raises(InfeasibleError, match="random: every cut has a layer where it cannot"):
            cutter(graph, *costs)
    else:
        assert seconds(cutter(graph, *costs), costs) == best


@CUTTERS
@settings(max_examples=60, deadline=None)
@given(graph=graphs(5), link=st.sampled_from(sorted(LINKS)), bits=st.sampled_from([2, 8, 32]))
def test_the_cut_is_the_fastest_by_the_latency_model(cutter, graph, link, bits):
    """The three parts of a prediction are sums that the min-cut can price."""
    widths = {**dict.fromkeys(graph.inputs, 8), **dict.fromkeys(graph.by_name, bits)}
    floats = dict.fromkeys(graph.tensors, 16)
    edge = [layer_s(one, graph, EDGE, bits, widths) for one in graph.layers]
    cloud = [layer_s(one, graph, CLOUD, 16, floats) for one in graph.layers]
    rate = LINKS[link].uplink_bps
    up = {t: 8 * math.ceil(graph.elements(t) * widths[t] / 8) / rate for t in widths}

    def latency(cut):
        weights = dict.fromkeys(cut.weights, bits)
        return predict(cut, PlanWidths(weights, widths), EDGE, CLOUD, LINKS[link]).latency_s

    got = latency(cutter(graph, edge, cloud, up, link_charges(graph, LINKS[link])))

    assert got == pytest.approx(min(map(latency, closed_cuts(graph))), rel=1e-12)


@settings(max_examples=100, deadline=None)
@given(graphs(), st.randoms(use_true_random=False))
def test_a_cut_is_never_worse_than_the_scan_over_prefixes(graph, rng):
    costs = draw_costs(graph, rng)
    scan = min(seconds(cut, costs) for cut in graph.prefixes())
    assert seconds(min_cut(graph, *costs), costs) <= scan


def test_a_cut_that_is_no_prefix_can_be_the_fastest():
    """Of two branches only the second gets smaller, so only it belongs on the edge."""
    shapes = {"x": (8,)}
    layers = (
        layer("wide", ["x"], shapes, 9),
        layer("thin", ["x"], shapes, 1),
        layer("join", ["wide", "thin"], shapes | {"wide": (9,), "thin": (1,)}, 1),
    )
    graph = Graph("branches", {"x": (8,)}, layers, ("join",))
    up = {"x": 2.0, "wide": 9.0, "thin": 0.0}
    got = min_cut(graph, [9.0, 1.0, 9.0], [1.0, 9.0, 1.0], up)
    assert got.edge == ("thin",)


@CUTTERS
def test_a_tensor_that_three_cloud_layers_read_is_paid_for_once(cutter):
    """Cutting after ``a`` costs 1 + 4 + 3; were it paid per reader, all-edge with 12 would win."""
    shapes = {"x": (8,), "a": (4,), **dict.fromkeys("bcd", (4,))}
    layers = (
        layer("a", ["x"], shapes, 4),
        *(layer(name, ["a"], shapes, 4) for name in "bcd"),
    )
    graph = Graph("fan", {"x": (8,)}, layers, ("b", "c", "d"))
    up = {"x": 90.0, "a": 4.0}
    assert cutter(graph, [1.0, 4.0, 4.0, 4.0], [9.0, 1.0, 1.0, 1.0], up).edge == ("a",)


@CUTTERS
@pytest.mark.parametrize(
    ("message_s", "reply_s", "edge"),
    [
        # All-edge 6; after c0: 1 + 1 (c0 up) + 1 + charges; all-cloud 9 up.
        (0.0, 0.0, ("c0",)),
        (2.0, 0.9, ("c0",)),
        (2.0, 1.1, ("c0", "c1")),
        (3.1, 0.0, ("c0", "c1")),
        (0.0, 3.1, ("c0", "c1")),
    ],
)
def test_fixed_charges_are_paid_once_and_only_when_something_crosses(
    cutter, message_s, reply_s, edge
):
    graph = chain([9, 1, 1])
    up = {"x": 9.0, "c0": 1.0}
    got = cutter(graph, [1.0, 5.0], [1.0, 1.0], up, Charges(message_s, reply_s))
    assert got.edge == edge


def test_two_answers_pay_one_reply():
    """Both heads in the cloud: 1 + 1 + 1 + 4; both on the edge: 8; one of each: 1 + 1 + 4 + 4."""
    shapes = {"x": (1,)}
    layers = tuple(layer(name, ["x"], shapes, 1) for name in "ab")
    graph = Graph("heads", shapes, layers, ("a", "b"))
    got = min_cut(graph, [4.0, 4.0], [1.0, 1.0], {"x": 1.0}, Charges(reply_s=4.0))
    assert got.edge == ()


def test_a_layer_that_reads_nothing_can_run_alone_in_the_cloud():
    """Nothing crosses, so no message is paid: 1 + 0 against 5 on the edge or a message of 9."""
    shapes = {"x": (1,)}
    layers = (layer("a", ["x"], shapes, 1), layer("b", [], shapes, 1))
    graph = Graph("apart", shapes, layers, ("a", "b"))
    got = min_cut(graph, [1.0, 5.0], [0.5, 0.0], {"x": 0.0}, Charges(message_s=9.0))
    assert got.edge == ("a",)


def test_seconds_of_all_sizes_are_added_exactly():
    """1e-15 s decides beside 1000 s, and 1e-30 s too, which fixed-point seconds would lose."""
    graph = chain([1, 1])
    up = {"x": 1000.0}
    assert min_cut(graph, [1000.0 + 2.0**-40], [0.0], up).edge == ()
    assert min_cut(graph, [1000.0 - 2.0**-40], [0.0], up).edge == ("c0",)
    assert min_cut(graph, [1000.0], [1e-15], up).edge == ("c0",)
    assert min_cut(graph, [3e-30], [2e-30], {"x": 0.0}).edge == ()


def test_ties_go_to_the_larger_edge_side():
    graph = chain([1, 1, 1, 1])
    assert min_cut(graph, [1.0] * 3, [1.0] * 3, dict.fromkeys(graph.tensors, 0.0)).edge == (
        "c0",
        "c1",
        "c2",
    )


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_cut_vertices_come_before_or_after_every_other_layer(graph):
    reach = {}
    for one in graph.layers:
        reach[one.name] = set().union(*({t} | reach.get(t, set()) for t in one.inputs))
    expected = [
        rank
        for rank, name in enumerate(graph.by_name)
        if all(
            other == name or other in reach[name] or name in reach[other] for other in graph.by_name
        )
    ]
    assert cut_vertices(graph) == expected


def test_only_blocks_that_may_win_are_cut(monkeypatch):
    """Two diamonds in a row; what is on the edge before the second one rules it out.

    After a: 1 + 2 + 6 = 9.  Inside the first diamond, after b and c: 3 + 0.5 + 4 = 7.5.  Inside
    the second: at least 12 for a to d.
    """
    shapes = dict.fromkeys("xabcdefg", (4,))
    reads = {"a": "x", "b": "a", "c": "a", "d": "bc", "e": "d", "f": "d", "g": "ef"}
    layers = tuple(layer(name, list(tensors), shapes, 4) for name, tensors in reads.items())
    graph = Graph("diamonds", {"x": (4,)}, layers, ("g",))
    calls = []
    flow = mincut._flow
    monkeypatch.setattr(mincut, "_flow", lambda *a, **k: calls.append(a[1:]) or flow(*a, **k))
    up = dict(zip("xabcdef", [9.0, 2.0, 0.25, 0.25, 2.0, 1.0, 1.0], strict=True))

    got = min_cut_between(graph, [1, 1, 1, 9, 50, 50, 50], [1] * 7, up)

    assert cut_vertices(graph) == [0, 3, 6]
    assert calls == [(1, 3)]
    assert got.edge == ("a", "b", "c")


@CUTTERS
@pytest.mark.parametrize(
    ("edge", "cloud", "up", "message"),
    [
        ([1.0], [1.0, 1.0], {"x": 0.0, "c0": 0.0}, "edge_seconds: must have one value per layer"),
        ([1.0, 1.0], [1.0], {"x": 0.0, "c0": 0.0}, "cloud_seconds: must .* 2, got 1"),
        ([1.0, 1.0], [1.0, 1.0], {"x": 0.0}, "tensor_seconds: must have 'c0'"),
        ([1.0, -1.0], [1.0, 1.0], {"x": 0.0, "c0": 0.0}, "seconds: must be at least 0"),
        ([1.0, 1.0], [1.0, math.nan], {"x": 0.0, "c0": 0.0}, "seconds: must be at least 0"),
        ([1.0, 1.0], [1.0, 1.0], {"x": 0.0, "c0": math.inf}, "finite for transfers"),
    ],
)
def test_wrong_seconds_are_refused(cutter, edge, cloud, up, message):
    with pytest.raises(ValueError, match=message):
        cutter(chain([1, 1, 1]), edge, cloud, up)
