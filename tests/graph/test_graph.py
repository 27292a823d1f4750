import json

import pytest

from autosplit.errors import FileError, GraphError
from autosplit.graph.graph import Graph
from autosplit.graph.graphfile import graph_from_dict, graph_to_dict
from autosplit.graph.layer import Gemm, Layer
from autosplit.graph.memory import (
    crossing_bytes,
    edge_memory_bytes,
    packed_bytes,
    peak_bytes,
    weight_bytes,
)


def layer(name, *inputs, elements, weight=0, owner="", fixed=0):
    return Layer(
        name,
        "conv" if weight else "add",
        inputs,
        tuple((1,) for _ in inputs),
        (elements,),
        weight_elements=weight,
        weight_owner=owner,
        fixed_elements=fixed,
    )


def diamond():
    """x -> a -> b -> add -> out, and a skips b; b's weight is used again by out."""
    return Graph(
        "diamond",
        {"x": (10,)},
        (
            layer("a", "x", elements=20, weight=100, owner="a", fixed=2),
            layer("b", "a", elements=30, weight=50, owner="b"),
            layer("add", "b", "a", elements=40),
            layer("out", "add", elements=5, weight=50, owner="b", fixed=1),
        ),
        ("out",),
    )


def widths(cut, bits):
    return dict.fromkeys(cut.edge_tensors, bits)


@pytest.mark.parametrize(
    ("length", "crossing"),
    [
        (0, ("x",)),  # all-cloud sends the input
        (1, ("a",)),  # read by b and by add, sent once
        (2, ("a", "b")),  # the skip crosses too
        (3, ("add",)),
        (4, ()),  # all-edge sends nothing
    ],
)
def test_every_tensor_that_the_cloud_still_reads_crosses(length, crossing):
    assert diamond().prefix(length).crossing == crossing


def test_an_input_that_the_cloud_reads_crosses_beside_the_features():
    graph = Graph(
        "late",
        {"x": (1,), "y": (2,)},
        (layer("a", "x", elements=3), layer("b", "a", "y", elements=1)),
        ("b",),
    )
    assert graph.prefix(1).crossing == ("y", "a")
    assert graph.prefix(1).live == (("x", "y", "a"), ("y", "a"))


def test_live_sets_follow_the_last_reader():
    assert diamond().prefix(4).live == (
        ("x", "a"),
        ("a", "b"),
        ("a", "b", "add"),
        ("add", "out"),
        ("out",),
    )


def test_what_crosses_stays_live_to_the_end_of_the_edge_half():
    assert diamond().prefix(2).live == (("x", "a"), ("a", "b"), ("a", "b"))


def test_an_early_output_stays_live_though_nobody_reads_it():
    graph = Graph(
        "early",
        {"x": (1,)},
        (layer("a", "x", elements=1), layer("b", "x", elements=1), layer("c", "b", elements=1)),
        ("a", "c"),
    )
    assert graph.prefix(3).live == (("x", "a"), ("x", "a", "b"), ("a", "b", "c"), ("a", "c"))
    assert graph.prefix(2).answers == ("c",)
    assert graph.prefix(0).answers == ("a", "c")


def test_peak_memory_is_the_largest_live_set_by_hand():
    cut = diamond().prefix(4)
    # At 8 bits: x+a = 30, a+b = 50, a+b+add = 90, add+out = 45.
    assert peak_bytes(cut, widths(cut, 8)) == 90
    # b at 2 bits takes ceil(30 * 2 / 8) = 8 bytes: 20 + 8 + 40 = 68.
    assert peak_bytes(cut, {**widths(cut, 8), "b": 2}) == 68
    # With add at 1 bit (5 bytes) the peak is a+b+add = 55, before a+b = 50.
    assert peak_bytes(cut, {**widths(cut, 8), "add": 1}) == 55


def test_all_cloud_takes_no_edge_memory():
    cut = diamond().prefix(0)
    assert edge_memory_bytes(cut, {}, {"x": 8}) == 0
    assert crossing_bytes(cut, {"x": 8}) == 10


def test_a_shared_weight_is_stored_once():
    cut = diamond().prefix(4)
    assert cut.weights == ("a", "b")
    # a: ceil(100 * 4 / 8) = 50; b: ceil(50 * 2 / 8) = 13; 3 fixed elements of 4 bytes.
    assert weight_bytes(cut, {"a": 4, "b": 2}) == 50 + 13 + 12
    assert edge_memory_bytes(cut, {"a": 4, "b": 2}, widths(cut, 8)) == 75 + 90


def test_fixed_parameters_count_only_on_their_side():
    assert [diamond().prefix(n).fixed_bits for n in range(5)] == [0, 64, 64, 64, 96]


def test_crossing_tensors_are_packed_one_by_one():
    cut = diamond().prefix(2)
    # a: ceil(20 * 3 / 8) = 8, b: ceil(30 * 3 / 8) = 12.
    assert crossing_bytes(cut, widths(cut, 3)) == 20


@pytest.mark.parametrize(
    ("elements", "bits", "expected"),
    [(0, 8, 0), (1, 1, 1), (8, 1, 1), (9, 1, 2), (3, 8, 3), (5, 6, 4)],
)
def test_packed_bytes_round_up(elements, bits, expected):
    assert packed_bytes(elements, bits) == expected


def test_a_cut_is_any_closed_set():
    graph = Graph(
        "fork",
        {"x": (1,)},
        (
            layer("a", "x", elements=1),
            layer("b", "x", elements=1),
            layer("c", "a", "b", elements=1),
        ),
        ("c",),
    )
    cut = graph.cut(["b"])
    assert (cut.edge, cut.cloud, cut.crossing) == (("b",), ("a", "c"), ("x", "b"))


def test_a_cut_that_is_not_closed_names_what_is_missing():
    with pytest.raises(GraphError, match="b: is on the edge, so 'a' that it reads must be too"):
        diamond().cut(["b"])


def test_an_unknown_layer_is_guessed():
    with pytest.raises(GraphError, match="no layer 'ad', did you mean 'add'"):
        diamond().cut(["a", "b", "ad"])


def test_prefixes_go_from_all_cloud_to_all_edge():
    assert [cut.edge for cut in diamond().prefixes()] == [
        (),
        ("a",),
        ("a", "b"),
        ("a", "b", "add"),
        ("a", "b", "add", "out"),
    ]


@pytest.mark.parametrize("length", [-1, 5])
def test_a_prefix_has_a_length_that_exists(length):
    with pytest.raises(GraphError, match="0 to 4 layers"):
        diamond().prefix(length)


@pytest.mark.parametrize(
    ("layers", "outputs", "message"),
    [
        ((), (), "at least one layer"),
        ((layer("a", "b", elements=1), layer("b", "a", elements=1)), ("b",), "no cycles.*got 'b'"),
        ((layer("a", "x", elements=1), layer("a", "x", elements=1)), ("a",), "'a' twice"),
        ((layer("x", elements=1),), ("x",), "'x' twice"),
        ((layer("a", "x", "x", elements=1),), ("a",), "listed once"),
        ((layer("a", "x", elements=1),), ("z",), "output 'z'"),
    ],
)
def test_what_is_no_graph_is_refused(layers, outputs, message):
    with pytest.raises(GraphError, match=message):
        Graph("bad", {"x": (1,)}, layers, outputs)


def test_macs_add_up_over_groups_and_products():
    gemms = (Gemm(4, 9, 1, repeats=16), Gemm(2, 3, 5))
    both = Layer("a", "conv", ("x",), ((1,),), (1,), gemms=gemms)
    assert both.macs == 4 * 9 * 16 + 2 * 3 * 5


def test_a_graph_survives_its_file():
    graph = diamond()
    again = graph_from_dict(json.loads(json.dumps(graph_to_dict(graph))))
    assert again == graph
    assert again.prefix(2).live == graph.prefix(2).live


@pytest.mark.parametrize("broken", [{}, {"name": "n", "inputs": {}, "layers": [{}], "outputs": []}])
def test_what_is_not_a_graph_file_is_refused(broken):
    with pytest.raises(FileError, match=r"g\.json: must describe a graph"):
        graph_from_dict(broken, "g.json")
