from dataclasses import replace

import pytest
from builders import diamond, part

from autosplit.errors import GraphError
from autosplit.graph.graph import Graph, Tail


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
        (part("a", "x", elements=3), part("b", "a", "y", elements=1)),
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
        (part("a", "x", elements=1), part("b", "x", elements=1), part("c", "b", elements=1)),
        ("a", "c"),
    )
    assert graph.prefix(3).live == (("x", "a"), ("x", "a", "b"), ("a", "b", "c"), ("a", "c"))
    assert graph.prefix(2).answers == ("c",)
    assert graph.prefix(0).answers == ("a", "c")


def test_fixed_parameters_count_only_on_their_side():
    assert [diamond().prefix(n).fixed_bits for n in range(5)] == [0, 64, 64, 64, 96]


def test_a_cut_is_any_closed_set():
    graph = Graph(
        "fork",
        {"x": (1,)},
        (
            part("a", "x", elements=1),
            part("b", "x", elements=1),
            part("c", "a", "b", elements=1),
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
        ((part("a", "b", elements=1), part("b", "a", elements=1)), ("b",), "no cycles.*got 'b'"),
        ((part("a", "x", elements=1), part("a", "x", elements=1)), ("a",), "'a' twice"),
        ((part("x", elements=1),), ("x",), "'x' twice"),
        ((part("a", "x", "x", elements=1),), ("a",), "listed once"),
        ((part("a", "x", elements=1),), ("z",), "output 'z'"),
    ],
)
def test_what_is_no_graph_is_refused(layers, outputs, message):
    with pytest.raises(GraphError, match=message):
        Graph("bad", {"x": (1,)}, layers, outputs)


def test_parameters_of_a_tail_are_stored_where_its_layer_runs():
    tail = Tail(
        "out", Graph("tail", {"y": (5,)}, (part("z", "y", elements=2, weight=7, fixed=3),), ("z",))
    )
    plain, graph = diamond(), replace(diamond(), tail=tail)

    assert (tail.parameters, tail.macs) == (10, 0)
    assert [graph.fixed_elements(name) for name in graph.by_name] == [2, 0, 0, 1 + 10]
    assert graph.prefix(3).fixed_bits == plain.prefix(3).fixed_bits == 32 * 2
    assert graph.prefix(4).fixed_bits == 32 * (2 + 1 + 10)


def test_a_tail_comes_after_a_layer():
    with pytest.raises(GraphError, match="diamond: the tail must be after a layer, got 'x'"):
        replace(diamond(), tail=Tail("x", diamond()))
