"""Bits that a layer moves to and from memory, counted by hand."""

import pytest
from boards import ARRAY, graph, one_layer, uniform

from autosplit.errors import LatencyError
from autosplit.hardware.seconds import layer_s
from autosplit.hardware.traffic import traffic_bits


def test_traffic_is_every_tensor_once_and_packed():
    g = graph()
    widths = {"image": 8, "conv": 3}
    # weight ceil(54*5/8) = 34, bias 3*4 = 12, image 32, output ceil(48*3/8) = 18 bytes
    assert traffic_bits(g.by_name["conv"], g, 5, widths) == 8 * (34 + 12 + 32 + 18)


def test_a_layer_that_shares_a_weight_reads_it_again_and_all_its_inputs():
    g = graph()
    widths = {"conv": 4, "relu": 8, "skip": 2, "fc": 2, "fc2": 8}
    assert traffic_bits(g.by_name["fc2"], g, 4, widths) == 8 * (48 * 48 // 2 + 12 + 48)
    assert traffic_bits(g.by_name["skip"], g, 0, widths) == 8 * (24 + 48 + 12)


@pytest.mark.parametrize(
    ("shape", "read"), [((3, 4, 4), 48), ((1, 4, 4), 16), ((5, 3, 4, 4), 48), ((48,), 48)]
)
def test_of_an_input_what_is_read_is_counted_once(shape, read):
    g, layer = one_layer(input_shapes=(shape,))
    assert traffic_bits(layer, g, 0, uniform(g.tensors, 8)) == 8 * (read + 48)


def test_of_an_embedding_the_rows_looked_up_are_counted():
    g, layer = one_layer(kind="embedding", fixed_elements=10**6)
    assert traffic_bits(layer, g, 0, uniform(g.tensors, 8)) == 8 * (4 * 48 + 48 + 48)
    g, layer = one_layer(kind="embedding", weight_elements=10**6)
    assert traffic_bits(layer, g, 4, uniform(g.tensors, 8)) == 8 * (24 + 48 + 48)


@pytest.mark.parametrize("missing", ["image", "conv"])
def test_a_tensor_without_a_width_is_named(missing):
    g = graph()
    widths = {"image": 8, "conv": 8}
    del widths[missing]
    with pytest.raises(LatencyError, match=f"conv: tensor '{missing}' must have a width"):
        layer_s(g.by_name["conv"], g, ARRAY, 8, widths)
