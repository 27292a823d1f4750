import pytest
from builders import part

from autosplit.errors import GraphError
from autosplit.graph.graph import Graph
from autosplit.graph.graphfile import graph_from_dict, graph_to_dict
from autosplit.graph.integers import Integers
from autosplit.graph.memory import crossing_bytes, peak_bytes


def masked():
    """x (8 elements) and a mask (10 elements of 1 bit) -> a."""
    layer = part("a", "x", "mask", elements=4)
    shapes = {"x": (8,), "mask": (10,)}
    return Graph("g", shapes, (layer,), ("a",), integers={"mask": Integers(1)})


@pytest.mark.parametrize(
    ("low", "high", "bits"), [(0, 999, 10), (0, 1023, 10), (0, 1024, 11), (-1, 2, 2), (5, 5, 1)]
)
def test_as_few_bits_as_hold_the_values(low, high, bits):
    found = Integers.between(low, high)

    assert (found.bits, found.low) == (bits, low)
    assert found.high >= high


@pytest.mark.parametrize("bits", [0, 33, 1.5])
def test_other_bits_are_refused(bits):
    with pytest.raises(GraphError, match=r"bits must be 1\.\.32"):
        Integers(bits)


def test_integers_cost_their_own_bits_at_any_width():
    cut = masked().prefix(1)
    for bits in (2, 8):
        widths = dict.fromkeys(("x", "mask", "a"), bits)
        assert crossing_bytes(cut.graph.prefix(0), widths) == bits + 2  # 8 x bits / 8 + 10 / 8
        assert peak_bytes(cut, widths) == bits + 2 + 4 * bits // 8


def test_a_graph_file_keeps_the_integers():
    graph = masked()
    assert graph_from_dict(graph_to_dict(graph)) == graph
    assert "integers" not in graph_to_dict(Graph("g", graph.inputs, graph.layers, ("a",)))


def test_integers_of_an_unknown_tensor_are_refused():
    graph = masked()
    with pytest.raises(GraphError, match="integers 'b' must be an input or a layer"):
        Graph("g", graph.inputs, graph.layers, ("a",), integers={"b": Integers(1)})
