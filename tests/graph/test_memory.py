import pytest
from builders import chain, diamond

from autosplit.graph.memory import (
    WholeBytes,
    coded_crossing,
    crossing_bytes,
    edge_memory_bytes,
    fits_memory,
    packed_bytes,
    peak_bytes,
    weight_bytes,
)


def widths(cut, bits):
    return dict.fromkeys(cut.edge_tensors, bits)


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


def test_a_size_fits_up_to_the_limit_and_anything_fits_without_one():
    assert [fits_memory(size, 10) for size in (0, 10, 11)] == [True, True, False]
    assert fits_memory(10**12, None)
    assert not fits_memory(1, 0)


def test_the_tensors_that_cross_entropy_coded_are_those_listed_at_their_widths():
    graph = chain([4, 8, 8, 8])
    cut = graph.prefix(1)
    (name,) = cut.crossing

    assert coded_crossing(cut, {name: 4}, {(name, 4): 3}) == (name,)
    assert coded_crossing(cut, {name: 4}, {(name, 5): 3}) == ()
    assert coded_crossing(cut, {name: 4}, WholeBytes({(name, 4): 8})) == ()
    assert crossing_bytes(cut, {name: 4}, WholeBytes({(name, 4): 8})) == 8
