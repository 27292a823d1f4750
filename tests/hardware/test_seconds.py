"""Seconds of a layer by each latency model, and the tables of them, by hand-made sums."""

from dataclasses import replace

import numpy as np
import pytest
from boards import ARRAY, BENCH, BOARD, graph, one_layer, uniform

from autosplit.errors import LatencyError
from autosplit.graph.graph import Tail
from autosplit.graph.layer import Gemm
from autosplit.hardware import operations as rules
from autosplit.hardware import prediction
from autosplit.hardware.device import MODEL_KEYS, device_names, load_device
from autosplit.hardware.prediction import cloud_s
from autosplit.hardware.seconds import (
    KIND_OF_SECONDS,
    MODELS,
    compute_table,
    layer_s,
    layers_s,
    tail_s,
    timed_by,
)


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
    for axis in (1, 2) if device.model != "fitted" else ():  # a measured kernel may be slower
        assert (np.diff(table, axis=axis) >= 0).all()  # wider operands are never faster
    assert cloud_s(g.prefix(0), device) > 0


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


def test_a_tail_is_paid_for_in_floats_where_its_layer_runs():
    inside, _ = one_layer(kind="linear", weight_elements=100, gemms=(Gemm(6, 10, 10),))
    plain, g = graph(), replace(graph(), tail=Tail("fc2", inside))
    fast = replace(BOARD, bandwidth_bytes_per_s=1e9)
    behind = 600 / 100  # at 32 bits
    slow = (48 + 48 + 100) * 4 / 10.0  # the same, of 10 bytes a second

    assert tail_s(g, fast) == [pytest.approx(behind)]
    assert tail_s(g, replace(fast, bandwidth_bytes_per_s=10.0)) == [pytest.approx(slow)]
    assert tail_s(plain, fast) == []
    before, after = (np.array(layers_s(one, fast, 8)) for one in (plain, g))
    assert (after - before).tolist() == [0, 0, 0, 0, pytest.approx(behind)]
    for length, here, there in ((4, 0.0, behind), (5, behind, 0.0)):
        eights = uniform(g.tensors, 8)
        weights = {"conv": 8, "fc": 8}
        cuts = plain.prefix(length), g.prefix(length)
        edge = [prediction.edge_s(cut, fast, weights, eights) for cut in cuts]
        cloud = [cloud_s(cut, fast) for cut in cuts]
        assert edge[1] - edge[0] == pytest.approx(here)
        assert cloud[1] - cloud[0] == pytest.approx(there)


def test_a_tail_runs_at_the_widest_operands_of_a_device_without_floats():
    inside, _ = one_layer(kind="linear", gemms=(Gemm(6, 10, 10),))
    g = replace(graph(), tail=Tail("fc2", inside))
    integers = replace(BOARD, bandwidth_bytes_per_s=1e9, peak_macs_per_s={4: 400.0, 8: 200.0})

    assert tail_s(g, integers) == [pytest.approx(600 / 200)]


def test_the_public_constants_say_what_the_documents_say():
    assert (prediction.ANSWER_BITS, rules.PASSES, rules.TAPS) == (32, 5, 4)


def test_the_kind_of_each_devices_seconds_is_told():
    edge, cloud = load_device("eyeriss"), load_device("nvidia_t4")

    assert timed_by(edge, cloud) == "Seconds: edge simulated (eyeriss), cloud peak (nvidia_t4)."


def test_every_latency_model_has_a_kind():
    assert KIND_OF_SECONDS.keys() == MODELS.keys()
