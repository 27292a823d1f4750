"""Latency: SCALE-Sim's own numbers, two arrays simulated cycle by cycle, and hand-made sums."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autosplit.errors import LatencyError
from autosplit.graph.graph import Cut, Graph
from autosplit.graph.layer import Gemm, Layer
from autosplit.hardware import operations as rules
from autosplit.hardware import seconds as latency
from autosplit.hardware.checks import DATAFLOWS
from autosplit.hardware.device import DEVICE_MODELS, Device, device_names, load_device
from autosplit.hardware.link import Link, load_link
from autosplit.hardware.operations import VECTOR_KINDS
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
from autosplit.hardware.systolic import systolic_cycles

# Compute cycles that SCALE-Sim 3.0.0 printed, for layers like those of resnet18 (R18) and
# mobilenet_v2 (MBV2) on two arrays.
SCALESIM = Path(__file__).parents[1] / "reference" / "scalesim_cycles.csv"
with SCALESIM.open(newline="") as file:
    ROWS = list(csv.DictReader(file))

ARRAY = Device(
    name="array",
    source="made up for a test",
    model="systolic",
    float_bits=16,
    bandwidth_bytes_per_s=1e3,
    clock_hz=1e3,
    rows=2,
    cols=3,
    dataflow="os",
)
BOARD = Device(
    name="board",
    source="made up for a test",
    model="roofline",
    float_bits=32,
    bandwidth_bytes_per_s=1e3,
    peak_macs_per_s={4: 400.0, 8: 200.0, 32: 100.0},
)
BENCH = Device(
    name="bench",
    source="made up for a test",
    model="table",
    float_bits=32,
    table={"conv": 0.5, "relu": 0.125, "fc": 0.25, "out": 0.0},
)
WIRE = Link(name="wire", source="made up for a test", uplink_bps=100.0, rtt_s=0.5)


def graph():
    """image (2, 4, 4) -> conv (3, 4, 4) -> skip = conv + pool; fc and fc2 share a weight."""
    return Graph(
        name="tiny",
        inputs={"image": (2, 4, 4)},
        layers=(
            Layer(
                name="conv",
                kind="conv",
                inputs=("image",),
                input_shapes=((2, 4, 4),),
                output_shape=(3, 4, 4),
                weight_elements=54,
                fixed_elements=3,
                gemms=(Gemm(16, 18, 3),),
                kernel=(3, 3),
            ),
            Layer(
                name="relu",
                kind="activation",
                inputs=("conv",),
                input_shapes=((3, 4, 4),),
                output_shape=(3, 4, 4),
            ),
            Layer(
                name="skip",
                kind="add",
                inputs=("conv", "relu"),
                input_shapes=((3, 4, 4), (3, 4, 4)),
                output_shape=(3, 4, 4),
            ),
            Layer(
                name="fc",
                kind="linear",
                inputs=("skip",),
                input_shapes=((48,),),
                output_shape=(48,),
                weight_elements=48 * 48,
                gemms=(Gemm(1, 48, 48),),
            ),
            Layer(
                name="fc2",
                kind="linear",
                inputs=("fc",),
                input_shapes=((48,),),
                output_shape=(48,),
                weight_elements=48 * 48,
                weight_owner="fc",
                gemms=(Gemm(1, 48, 48),),
            ),
        ),
        outputs=("fc2",),
    )


def uniform(tensors, bits):
    return dict.fromkeys(tensors, bits)


def one_layer(**changes):
    """A graph of one layer that reads (3, 4, 4)."""
    layer = Layer(
        **{
            "name": "it",
            "kind": "add",
            "inputs": ("image",),
            "input_shapes": ((3, 4, 4),),
            "output_shape": (3, 4, 4),
            **changes,
        }
    )
    return Graph("one", {"image": (3, 4, 4)}, (layer,), ("it",)), layer


# ---- cycles


@pytest.mark.parametrize("row", ROWS, ids=lambda r: "-".join(list(r.values())[:-1]))
def test_cycles_are_those_of_scale_sim(row):
    sizes = [int(row[key]) for key in list(row)[1:6]]
    assert systolic_cycles(*sizes, row["dataflow"]) == int(row["scalesim_cycles"])


def test_the_scale_sim_numbers_are_all_there():
    assert len(ROWS) == 39
    assert {row["dataflow"] for row in ROWS} == set(DATAFLOWS)


def simulated_output_stationary(left, right, rows, cols):
    """Multiply on an array where operands move right and down one element a cycle."""
    (pixels, depth), filters = left.shape, right.shape[1]
    product, cycles = np.zeros((pixels, filters), int), 0
    for top in range(0, pixels, rows):
        for side in range(0, filters, cols):
            moving_right, moving_down = [np.zeros((rows, cols), int) for _ in range(2)]
            sums, done = np.zeros((rows, cols), int), np.zeros((rows, cols), int)
            cycle = 0
            while done.min() < depth:
                moving_right[:, 1:] = moving_right[:, :-1].copy()
                moving_down[1:] = moving_down[:-1].copy()
                for i in range(rows):  # row i starts i cycles late
                    fed = 0 <= cycle - i < depth and top + i < pixels
                    moving_right[i, 0] = left[top + i, cycle - i] if fed else 0
                for j in range(cols):
                    fed = 0 <= cycle - j < depth and side + j < filters
                    moving_down[0, j] = right[cycle - j, side + j] if fed else 0
                sums += moving_right * moving_down
                i, j = np.indices((rows, cols))
                done += (cycle >= i + j) & (done < depth)
                cycle += 1
            cycles += cycle
            block = product[top : top + rows, side : side + cols]
            block += sums[: block.shape[0], : block.shape[1]]
    return product, cycles


def simulated_weight_stationary(left, right, rows, cols):
    """Multiply on an array that is loaded a row a cycle; then sums move down, inputs right."""
    (pixels, depth), filters = left.shape, right.shape[1]
    product, cycles = np.zeros((pixels, filters), int), 0
    for top in range(0, depth, rows):
        for side in range(0, filters, cols):
            held = np.zeros((rows, cols), int)
            block = right[top : top + rows, side : side + cols]
            held[: block.shape[0], : block.shape[1]] = block
            cycle, taken = rows, 0  # as many cycles as rows to load
            moving_right, sums = [np.zeros((rows, cols), int) for _ in range(2)]
            while taken < pixels * cols:
                moving_right[:, 1:] = moving_right[:, :-1].copy()
                for i in range(rows):
                    at = cycle - rows - i
                    fed = 0 <= at < pixels and top + i < depth
                    moving_right[i, 0] = left[at, top + i] if fed else 0
                sums[1:] = sums[:-1].copy()
                sums[0] = 0
                sums += moving_right * held
                for j in range(cols):
                    at = cycle - rows - (rows - 1) - j
                    if 0 <= at < pixels:
                        taken += 1
                        if side + j < filters:
                            product[at, side + j] += sums[-1, j]
                cycle += 1
            cycles += cycle
    return product, cycles


@given(
    st.integers(1, 7),
    st.integers(1, 7),
    st.integers(1, 7),
    st.integers(1, 4),
    st.integers(1, 4),
    st.randoms(use_true_random=False),
)
def test_cycles_are_those_of_an_array_simulated_cycle_by_cycle(e, k, n, rows, cols, random):
    left = np.array([[random.randint(-9, 9) for _ in range(k)] for _ in range(e)])
    right = np.array([[random.randint(-9, 9) for _ in range(n)] for _ in range(k)])
    # With the inputs held, the array multiplies the transposed product.
    simulated = {
        "os": simulated_output_stationary(left, right, rows, cols),
        "ws": simulated_weight_stationary(left, right, rows, cols),
        "is": simulated_weight_stationary(right.T, left.T, rows, cols),
    }
    simulated["is"] = simulated["is"][0].T, simulated["is"][1]
    for dataflow, (product, cycles) in simulated.items():
        assert np.array_equal(product, left @ right)
        assert systolic_cycles(e, k, n, rows, cols, dataflow) == cycles - 1


SIZES = st.tuples(*[st.integers(1, 3000)] * 3)


@given(
    SIZES, st.integers(1, 300), st.integers(1, 300), st.sampled_from(DATAFLOWS), st.integers(0, 2)
)
def test_a_larger_product_never_takes_fewer_cycles(sizes, rows, cols, dataflow, grown):
    larger = [size + (i == grown) for i, size in enumerate(sizes)]
    assert systolic_cycles(*larger, rows, cols, dataflow) >= systolic_cycles(
        *sizes, rows, cols, dataflow
    )


@given(SIZES, st.integers(1, 300), st.integers(1, 300), st.sampled_from(DATAFLOWS))
def test_an_array_never_beats_one_product_per_element_and_cycle(sizes, rows, cols, dataflow):
    cycles = systolic_cycles(*sizes, rows, cols, dataflow)
    assert (cycles + 1) * rows * cols >= math.prod(sizes)


def test_numpy_sizes_do_not_overflow():
    size = np.int32(100_000)
    assert systolic_cycles(size, size, size, 1, 1, "os") == 10**10 * 10**5 - 1  # 1 + 1 + K - 2 = K


@pytest.mark.parametrize("name", ["out_pixels", "filter_size", "filters", "rows", "cols"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "2", None, True])
def test_a_wrong_size_is_named(name, value):
    sizes = {"out_pixels": 1, "filter_size": 1, "filters": 1, "rows": 1, "cols": 1, name: value}
    with pytest.raises(LatencyError, match=f"^{name}: must be an integer of at least 1, got "):
        systolic_cycles(**sizes, dataflow="os")


def test_an_unknown_dataflow_is_answered_with_the_nearest():
    with pytest.raises(LatencyError, match=r"dataflow: .*'oss', did you mean 'os'\?"):
        systolic_cycles(1, 1, 1, 1, 1, "oss")


# ---- compute seconds


def test_every_device_model_has_a_function():
    assert set(MODELS) == set(DEVICE_MODELS)


@pytest.mark.parametrize(
    ("bits", "passes"), [(1, 1), (2, 1), (8, 1), (9, 2), (16, 2), (17, 3), (32, 4)]
)
def test_operands_wider_than_the_multipliers_take_several_passes(bits, passes):
    conv = graph().by_name["conv"]
    # os: ceil(16/2) * ceil(3/3) * (2 + 3 + 18 - 2) - 1 = 8 * 21 - 1
    assert MODELS["systolic"](conv, ARRAY, bits) == pytest.approx(167 * passes / 1e3)


def test_repeated_products_run_one_after_the_other():
    _, layer = one_layer(kind="conv", gemms=(Gemm(16, 9, 1, repeats=3),))
    # depthwise: 3 * (ceil(16/2) * 1 * (2 + 3 + 9 - 2) - 1) = 3 * 95
    assert MODELS["systolic"](layer, ARRAY, 8) == pytest.approx(285 / 1e3)


def test_several_products_of_a_layer_add_up():
    _, layer = one_layer(kind="lstm", gemms=(Gemm(16, 9, 1), Gemm(2, 1, 3)))
    # 95 + (1 * 1 * (2 + 3 + 1 - 2) - 1) = 95 + 3
    assert MODELS["systolic"](layer, ARRAY, 8) == pytest.approx(98 / 1e3)


def test_an_attention_pays_for_its_softmax():
    _, layer = one_layer(kind="attention", gemms=(Gemm(4, 2, 4, 2), Gemm(4, 4, 2, 2)))
    # scores: 2 * (2 * 2 * (2 + 3 + 2 - 2) - 1) = 38; values: 2 * (2 * 1 * (2 + 3 + 4 - 2) - 1) = 26
    # softmax: 5 passes over 2 * 4 * 4 scores, 3 lanes: ceil(160 / 3) = 54
    assert MODELS["systolic"](layer, ARRAY, 8) == pytest.approx((38 + 26 + 54) / 1e3)


@pytest.mark.parametrize(
    ("changes", "operations"),
    [
        ({"kind": "add", "inputs": ("image", "b"), "input_shapes": ((3, 4, 4),) * 2}, 48),
        ({"kind": "add", "inputs": ("image", "b", "c"), "input_shapes": ((3, 4, 4),) * 3}, 96),
        ({"kind": "sub"}, 48),
        ({"kind": "mul"}, 48),
        ({"kind": "div"}, 48),
        ({"kind": "activation"}, 48),
        ({"kind": "elementwise"}, 48),
        ({"kind": "reduce", "output_shape": (3,)}, 48),  # every input element once
        ({"kind": "max_pool", "output_shape": (3, 2, 2), "kernel": (3, 3)}, 9 * 12),
        ({"kind": "avg_pool", "output_shape": (3, 1, 1), "kernel": (4, 4)}, 48),
        ({"kind": "avg_pool", "output_shape": (3, 1, 1)}, 48),  # global
        ({"kind": "norm"}, 5 * 48),
        ({"kind": "softmax"}, 5 * 48),
        ({"kind": "upsample", "output_shape": (3, 8, 8)}, 4 * 192),
        ({"kind": "embedding"}, 0),
        ({"kind": "cat"}, 0),
        ({"kind": "move"}, 0),
    ],
)
def test_layers_without_products_run_on_the_lanes(changes, operations):
    layer = replace(one_layer()[1], **changes)
    for bits in (2, 32):  # whatever the width
        seconds = MODELS["systolic"](layer, ARRAY, bits)
        assert seconds == pytest.approx(math.ceil(operations / 3) / 1e3)
        wide = replace(ARRAY, vector_lanes=7)
        assert MODELS["systolic"](layer, wide, bits) == pytest.approx(
            math.ceil(operations / 7) / 1e3
        )
    # roofline: at the slowest peak unless it has a rate of its own
    assert MODELS["roofline"](layer, BOARD, 8) == pytest.approx(operations / 100)
    rated = replace(BOARD, elementwise_ops_per_s=50.0)
    assert MODELS["roofline"](layer, rated, 8) == pytest.approx(operations / 50)


def test_the_known_kinds_are_what_the_capture_writes():
    arithmetic = {"add", "sub", "mul", "div", "activation", "elementwise", "reduce", "upsample"}
    others = {"cat", "move", "embedding", "max_pool", "avg_pool", "norm", "softmax"}
    assert arithmetic | others == VECTOR_KINDS


@pytest.mark.parametrize("device", [ARRAY, BOARD])
def test_an_unknown_kind_is_named_and_never_free(device):
    everything, layer = one_layer(kind="fft")
    with pytest.raises(LatencyError) as caught:
        layer_s(layer, everything, device, 8, uniform(everything.tensors, 8))
    for word in ("it: ", "'fft'", device.name, device.model, "model table"):
        assert word in str(caught.value)


@pytest.mark.parametrize(("bits", "peak"), [(1, 400), (4, 400), (5, 200), (8, 200), (9, 100)])
def test_a_roofline_runs_at_the_narrowest_width_that_holds_the_operands(bits, peak):
    conv = graph().by_name["conv"]
    assert MODELS["roofline"](conv, BOARD, bits) == pytest.approx(16 * 18 * 3 / peak)


def test_operands_wider_than_every_peak_are_an_error():
    board = replace(BOARD, peak_macs_per_s={8: 1.0, 4: 2.0})
    conv, relu = graph().layers[:2]
    with pytest.raises(LatencyError, match=r"conv: needs 16-bit operands, board .* for 4, 8 only"):
        MODELS["roofline"](conv, board, 16)
    assert MODELS["roofline"](relu, board, 16) == 48 / 1.0  # no products, no peak needed


def test_a_table_says_the_seconds_and_no_traffic_is_added():
    g = graph()
    for bits in (1, 32):
        widths = uniform(g.tensors, bits)
        assert layer_s(g.by_name["conv"], g, BENCH, bits, widths) == 0.5


def test_a_layer_that_is_not_in_the_table_is_named():
    with pytest.raises(LatencyError, match=r"fc2: the table of bench .*, did you mean 'fc'\?"):
        MODELS["table"](graph().by_name["fc2"], BENCH, 8)


def test_a_device_of_an_unknown_model_is_refused(monkeypatch):
    monkeypatch.delitem(MODELS, "table")
    with pytest.raises(LatencyError, match="bench: no latency model 'table'"):
        compute_table(graph(), BENCH, (8,))


def test_the_table_of_compute_seconds_has_a_row_per_layer_and_a_column_per_width():
    g, widths = graph(), (2, 4, 8, 16)
    table = compute_table(g, BOARD, widths)
    assert table.shape == (5, 4)
    assert table.dtype == np.float64
    for i, layer in enumerate(g.layers):
        for j, bits in enumerate(widths):
            assert table[i, j] == MODELS["roofline"](layer, BOARD, bits)


@pytest.mark.parametrize("name", device_names())
def test_every_shipped_device_costs_every_layer_more_than_nothing(name):
    device, g = load_device(name), graph()
    table = compute_table(g, device, (2, 4, 8, device.float_bits))
    assert (table > 0).all()
    assert (np.diff(table, axis=1) >= 0).all()  # wider operands are never faster
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
