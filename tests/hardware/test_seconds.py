"""Latency: SCALE-Sim's own numbers, two arrays simulated cycle by cycle, and hand-made sums."""

from dataclasses import replace

import numpy as np
import pytest
from boards import ARRAY, BENCH, BOARD, WIRE, graph, one_layer, uniform
from hypothesis import given
from hypothesis import strategies as st

from autosplit.errors import LatencyError
from autosplit.graph.graph import Cut, Graph
from autosplit.graph.layer import Gemm, Layer
from autosplit.hardware import operations as rules
from autosplit.hardware import seconds as latency
from autosplit.hardware.device import MODEL_KEYS, device_names, load_device
from autosplit.hardware.link import Link, load_link
from autosplit.hardware.seconds import (
    MODELS,
    cloud_s,
    compute_table,
    edge_s,
    layer_s,
    predict,
    traffic_bits,
    transfer_s,
)

# ---- compute seconds


def test_every_device_model_has_a_function():
    assert set(MODELS) == set(MODEL_KEYS)


def test_a_device_of_an_unknown_model_is_refused(monkeypatch):
    monkeypatch.delitem(MODELS, "table")
    with pytest.raises(LatencyError, match="bench: no latency model 'table'"):
        compute_table(graph(), BENCH, (8,))


def test_compute_seconds_are_tabulated_by_the_widths_of_weight_and_input():
    g, widths = graph(), (2, 4, 8, 16)
    table = compute_table(g, BOARD, widths)
    assert table.shape == (5, 4, 4)
    assert table.dtype == np.float64
    for i, layer in enumerate(g.layers):
        for j, weight in enumerate(widths):
            for k, read in enumerate(widths):
                assert table[i, j, k] == MODELS["roofline"](layer, BOARD, weight, read)


def test_compute_seconds_of_a_table_are_those_of_each_pair_of_widths():
    g = graph()
    fc = {(8, 8): 0.5, (4, 8): 0.25, (8, 4): 1.0}
    board = replace(BENCH, table={layer.name: 0.125 for layer in g.layers} | {"fc": fc})
    table = compute_table(g, board, (4, 8))
    rank = g.rank["fc"]
    # weight 4: the kernel 4/8 holds inputs of 4 and of 8 bits; so does 8/4 only those of 4
    assert table[rank].tolist() == [[0.25, 0.25], [1.0, 0.5]]
    assert (np.delete(table, rank, axis=0) == 0.125).all()


@pytest.mark.parametrize("name", device_names())
def test_every_shipped_device_costs_every_layer_more_than_nothing(name):
    device, g = load_device(name), graph()
    table = compute_table(g, device, (2, 4, 8, device.float_bits))
    assert (table > 0).all()
    for axis in (1, 2):
        assert (np.diff(table, axis=axis) >= 0).all()  # wider operands are never faster
    assert cloud_s(g.prefix(0), device) > 0


# ---- traffic


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


# ---- seconds of a layer and of a cut


def test_computation_and_traffic_overlap_and_dispatch_does_not():
    g = graph()
    conv, widths = g.by_name["conv"], {"image": 8, "conv": 8}
    moved = (54 + 12 + 32 + 48) / 1e3  # 146 bytes at 1 kB/s, less than 167 cycles at 1 kHz
    assert layer_s(conv, g, ARRAY, 8, widths) == pytest.approx(0.167)
    slow = replace(ARRAY, bandwidth_bytes_per_s=500.0)
    assert layer_s(conv, g, slow, 8, widths) == pytest.approx(2 * moved)
    late = replace(ARRAY, dispatch_s=0.25)
    assert layer_s(conv, g, late, 8, widths) == pytest.approx(0.25 + 0.167)


@pytest.mark.parametrize(("weight", "image"), [(8, 4), (4, 8)])
def test_a_layer_computes_at_the_width_of_its_widest_operand(weight, image):
    g = graph()
    fast = replace(BOARD, bandwidth_bytes_per_s=1e9)
    widths = {"image": image, "conv": 32}  # the output is no operand
    seconds = layer_s(g.by_name["conv"], g, fast, weight, widths)
    assert seconds == pytest.approx(864 / 200)


def test_a_layer_that_reads_nothing_has_no_operands_to_hold():
    g, layer = one_layer(kind="matmul", inputs=(), input_shapes=(), gemms=(Gemm(1, 1, 1),))
    fast = replace(BOARD, bandwidth_bytes_per_s=1e9, peak_macs_per_s={1: 4.0, 8: 2.0})
    assert layer_s(layer, g, fast, 32, {"it": 8}) == pytest.approx(1 / 4)


def test_the_width_of_a_weight_that_is_not_there_is_ignored():
    g, layer = one_layer(kind="matmul", gemms=(Gemm(4, 4, 4),))
    fast = replace(BOARD, bandwidth_bytes_per_s=1e9)
    assert layer_s(layer, g, fast, 32, uniform(g.tensors, 4)) == pytest.approx(64 / 400)


def test_a_cut_is_the_sum_of_its_layers_and_a_shared_weight_has_its_owners_width():
    g = graph()
    cut = g.prefix(5)
    widths = {"image": 8, "conv": 3, "relu": 4, "skip": 5, "fc": 6, "fc2": 8}
    weights = {"conv": 2, "fc": 4}
    bits = {"conv": 2, "relu": 0, "skip": 0, "fc": 4, "fc2": 4}
    by_hand = sum(layer_s(layer, g, BOARD, bits[layer.name], widths) for layer in g.layers)
    assert edge_s(cut, BOARD, weights, widths) == pytest.approx(by_hand)


def test_a_weight_without_a_width_is_named():
    g = graph()
    widths = uniform(g.tensors, 8)
    with pytest.raises(LatencyError, match="fc2: the weight stored with 'fc' must have a width"):
        edge_s(Cut(g, ("fc2",)), ARRAY, {"fc2": 8}, widths)
    with pytest.raises(LatencyError, match="conv: the weight stored with 'conv' must have a width"):
        edge_s(g.prefix(1), ARRAY, {}, widths)


def test_the_cloud_runs_in_its_own_floats():
    g = graph()
    widths = uniform(g.tensors, 16)
    by_hand = sum(layer_s(g.by_name[n], g, ARRAY, 16, widths) for n in ("skip", "fc", "fc2"))
    assert cloud_s(g.prefix(2), ARRAY) == pytest.approx(by_hand)
    assert cloud_s(g.prefix(5), ARRAY) == 0.0


@pytest.mark.parametrize("device", [ARRAY, BOARD])
def test_edge_and_cloud_add_up_wherever_the_cut_is(device):
    g = graph()
    bits = device.float_bits
    whole = cloud_s(g.prefix(0), device)
    widths, weights = uniform(g.tensors, bits), {"conv": bits, "fc": bits}
    for length in range(6):
        cut = g.prefix(length)
        total = edge_s(cut, device, weights, widths) + cloud_s(cut, device)
        assert total == pytest.approx(whole)


# ---- the link


def test_a_cut_pays_for_every_tensor_that_crosses():
    g = graph()
    # conv (48 elements, 3 bits, 18 bytes) is read by skip, relu (48 at 4, 24 bytes) too
    up = 0.5 / 2 + 8 * (18 + 24) / 100
    assert transfer_s(g.prefix(2), WIRE, {"conv": 3, "relu": 4}) == pytest.approx(up)


def test_all_cloud_sends_the_input_and_all_edge_nothing():
    g = graph()
    back = replace(WIRE, downlink_bps=1e4)
    assert transfer_s(g.prefix(0), WIRE, {"image": 8}) == pytest.approx(0.25 + 256 / 100)
    assert transfer_s(g.prefix(5), back, {}) == 0.0


def test_an_answer_from_the_cloud_comes_back_at_32_bits():
    g = graph()
    back = replace(WIRE, downlink_bps=1e4)
    up, down = 0.25 + 256 / 100, 0.25 + 32 * 48 / 1e4
    assert transfer_s(g.prefix(0), back, {"image": 8}) == pytest.approx(up + down)


def test_a_prediction_has_the_three_parts():
    g = graph()
    cut, widths, weights = g.prefix(2), {"image": 8, "conv": 3, "relu": 4}, {"conv": 5}
    got = predict(cut, weights, widths, ARRAY, BOARD, WIRE)
    assert got.edge_s == edge_s(cut, ARRAY, weights, widths)
    assert got.transfer_s == transfer_s(cut, WIRE, widths)
    assert got.cloud_s == cloud_s(cut, BOARD)
    assert got.latency_s == got.edge_s + got.transfer_s + got.cloud_s


@given(st.integers(0, 5), st.integers(1, 8), st.floats(0.1, 1000), st.floats(1.0, 100))
def test_a_faster_link_or_narrower_tensors_never_take_longer(length, bits, mbps, faster):
    g = graph()
    cut, edge, cloud = g.prefix(length), load_device("eyeriss"), load_device("tpu_v1")
    slow = Link(name="slow", source="s", uplink_bps=mbps * 1e6)
    fast = replace(slow, uplink_bps=mbps * faster * 1e6)

    def seconds(width, link):
        weights = {"conv": width, "fc": width}
        return predict(cut, weights, uniform(g.tensors, width), edge, cloud, link).latency_s

    assert seconds(bits, fast) <= seconds(bits, slow)
    assert seconds(bits, slow) <= seconds(bits + 1, slow)


def test_the_paper_link_carries_the_paper_input():
    # 224 x 224 x 3 at 8 bits over 3 Mbit/s: 1204224 / 3e6
    image = Graph(
        "image",
        {"image": (3, 224, 224)},
        (Layer("fc", "linear", ("image",), ((150528,),), (10,), gemms=(Gemm(1, 150528, 10),)),),
        ("fc",),
    )
    seconds = transfer_s(image.prefix(0), load_link("3mbps"), {"image": 8})
    assert seconds == pytest.approx(0.401408)


def test_the_public_constants_say_what_the_documents_say():
    assert (latency.ANSWER_BITS, rules.PASSES, rules.TAPS) == (32, 5, 4)
