"""What a plan sends follows from its cut, its widths and the coding of its input."""

import pytest
from plans import GRAPH

from autosplit.errors import DataError
from autosplit.graph.graph import Graph
from autosplit.grid.grid import Grid, Unquantized
from autosplit.halves.wire.layout import WireLayout, WireTensor
from autosplit.plan.wire_layout import wire_layout, with_orders
from autosplit.stats.coding import InputCoding

GRIDS = {"x": Grid.of(8, 0.1, 3), "a": Grid.of(3, 1.0, 0), "b": Unquantized(16)}


def test_every_tensor_that_the_cloud_reads_is_sent_in_the_order_of_the_graph():
    layout = wire_layout(GRAPH.cut(("a", "b")), GRIDS)

    assert layout == WireLayout((WireTensor("a", (5,), 3), WireTensor("b", (3,), 16, "none")))


def test_all_cloud_sends_the_input():
    assert wire_layout(GRAPH.prefix(0), GRIDS) == WireLayout((WireTensor("x", (6,), 8),))


def test_all_edge_sends_nothing():
    assert wire_layout(GRAPH.prefix(4), GRIDS) == WireLayout()


def test_an_input_that_is_an_answer_is_sent_if_all_is_in_the_cloud():
    graph = Graph("g", {"x": (6,), "y": (2,)}, GRAPH.layers, ("y", "again"))
    grids = {**GRIDS, "y": Grid.of(4, 0.1, 3)}

    assert wire_layout(graph.prefix(0), grids).names == ("x", "y")
    assert wire_layout(graph.prefix(2), grids).names == ("a", "b")


def test_a_picture_is_sent_as_the_file_that_its_coding_says():
    graph = Graph("g", {"x": (3, 2, 4)}, GRAPH.layers, ("again",))
    coding = InputCoding(60, 100.0, 0.1, (0.5,) * 3, (0.2,) * 3)

    layout = wire_layout(graph.prefix(0), GRIDS, coding)

    assert layout == WireLayout((WireTensor("x", (3, 2, 4), 8, "jpeg", quality=60),))


def test_without_a_coding_integers_take_whole_bytes_and_floats_their_own():
    layout = wire_layout(GRAPH.cut(("a", "b")), GRIDS, whole=True)
    a = WireTensor("a", (5,), 8, whole=True)

    assert layout == WireLayout((a, WireTensor("b", (3,), 16, "none")))
    assert (a.sample_bytes, WireTensor("a", (5,), 3).sample_bytes) == (5, 2)


class TestWithOrders:
    DERIVED = WireLayout((WireTensor("a", (2, 3), 4), WireTensor("b", (5,), 7)))

    def test_orders_are_the_file_s_and_all_else_is_the_plan_s(self):
        found = WireLayout((WireTensor("b", (9,), 1), WireTensor("a", (8, 8), 2, order=(1, 0))))

        assert with_orders(self.DERIVED, found) == WireLayout(
            (WireTensor("b", (5,), 7), WireTensor("a", (2, 3), 4, order=(1, 0)))
        )

    def test_whole_bytes_are_the_file_s_to_ask_for(self):
        asked = WireTensor("b", (9,), 32, whole=True)
        found = with_orders(self.DERIVED, WireLayout((asked, WireTensor("a", (2, 3), 8))))

        assert found.tensors == (WireTensor("b", (5,), 8, whole=True), WireTensor("a", (2, 3), 4))

    def test_other_tensors_are_refused(self):
        with pytest.raises(DataError, match="must list the tensors that cross, a, b, got none"):
            with_orders(self.DERIVED, WireLayout())

    def test_an_order_of_axes_that_are_not_there_is_refused(self):
        found = WireLayout((WireTensor("a", (2, 3, 4), 4), WireTensor("b", (5,), 7)))

        with pytest.raises(DataError, match=r"a: order must name each of 2 axes"):
            with_orders(self.DERIVED, found)
