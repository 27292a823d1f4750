"""Operations of layers without products, kind by kind."""

import math
from dataclasses import replace

import pytest
from boards import ARRAY, BENCH, BOARD, graph, one_layer, uniform

from autosplit.errors import LatencyError
from autosplit.graph.graph import Tail
from autosplit.graph.layer import Gemm
from autosplit.hardware.operations import VECTOR_KINDS, unknown_layers
from autosplit.hardware.seconds import MODELS, layer_s
from autosplit.hardware.traffic import traffic_bits


def test_an_attention_pays_for_its_softmax():
    _, layer = one_layer(kind="attention", gemms=(Gemm(4, 2, 4, 2), Gemm(4, 4, 2, 2)))
    # scores: 2 * (2 * 2 * (2 + 3 + 2 - 2) - 1) = 38; values: 2 * (2 * 1 * (2 + 3 + 4 - 2) - 1) = 26
    # softmax: 5 passes over 2 * 4 * 4 scores, 3 lanes: ceil(160 / 3) = 54
    assert MODELS["systolic"](layer, ARRAY, 1, 8) == pytest.approx((38 + 26 + 54) / 1e3)


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
        ({"kind": "scan"}, 48),
        ({"kind": "add_at"}, 48),
        ({"kind": "sort"}, 48 * 6),  # 2^6 is the next power above 48
        ({"kind": "fft"}, 5 * 48 * 6),
        ({"kind": "distance", "output_shape": (12, 12)}, 3 * 144 * 4),
        ({"kind": "sample"}, 4 * 48),
        ({"kind": "crop", "kernel": (2, 2)}, 4 * 4 * 48),  # four bilinear samples each
        ({"kind": "embedding_bag", "input_shapes": ((6,),), "output_shape": (5,)}, 30),
        ({"kind": "recurrent"}, 0),
        ({"kind": "embedding"}, 0),
        ({"kind": "cat"}, 0),
        ({"kind": "move"}, 0),
    ],
)
def test_layers_without_products_run_on_the_lanes(changes, operations):
    layer = replace(one_layer()[1], **changes)
    for bits in (2, 32):  # whatever the width
        seconds = MODELS["systolic"](layer, ARRAY, 1, bits)
        assert seconds == pytest.approx(math.ceil(operations / 3) / 1e3)
        wide = replace(ARRAY, vector_lanes=7)
        assert MODELS["systolic"](layer, wide, 1, bits) == pytest.approx(
            math.ceil(operations / 7) / 1e3
        )
    # roofline: at the slowest peak unless it has a rate of its own
    assert MODELS["roofline"](layer, BOARD, 1, 8) == pytest.approx(operations / 100)
    rated = replace(BOARD, elementwise_ops_per_s=50.0)
    assert MODELS["roofline"](layer, rated, 1, 8) == pytest.approx(operations / 50)


def test_the_known_kinds_are_what_the_capture_writes():
    arithmetic = {"add", "sub", "mul", "div", "activation", "elementwise", "reduce", "upsample"}
    others = {"cat", "move", "embedding", "max_pool", "avg_pool", "norm", "softmax"}
    others |= {"scan", "add_at", "sort", "fft", "distance", "sample", "embedding_bag", "recurrent"}
    others.add("crop")  # RoIAlign, of the second stage of a detector
    assert arithmetic | others == VECTOR_KINDS


@pytest.mark.parametrize("device", [ARRAY, BOARD])
def test_a_device_may_price_unknown_kinds_by_their_traffic(device):
    everything, layer = one_layer(kind="linalg_inv")
    stated = replace(device, unknown_operators="traffic")
    widths = uniform(everything.tensors, 8)

    moved = traffic_bits(layer, everything, 8, widths) / 8 / device.bandwidth_bytes_per_s
    assert layer_s(layer, everything, stated, 8, widths) == device.dispatch_s + moved > 0
    assert unknown_layers(everything, stated) == {"it": "linalg_inv"}


@pytest.mark.parametrize("device", [ARRAY, BOARD])
def test_an_unknown_kind_is_named_and_never_free(device):
    everything, layer = one_layer(kind="linalg_inv")
    with pytest.raises(LatencyError) as caught:
        layer_s(layer, everything, device, 8, uniform(everything.tensors, 8))
    for word in ("it: ", "'linalg_inv'", device.name, device.model, "model table"):
        assert word in str(caught.value)


def test_a_tail_that_a_device_cannot_time_makes_its_layer_unknown():
    network, inside = graph(), one_layer(kind="linalg_inv")[0]
    strange = replace(network, tail=Tail("fc2", inside))
    floats = replace(network, tail=Tail("fc2", one_layer(kind="add")[0]))

    assert unknown_layers(strange, BOARD) == {"fc2": "one"}
    assert unknown_layers(floats, BOARD) == unknown_layers(floats, ARRAY) == {}
    integers = replace(BOARD, peak_macs_per_s={8: 200.0})
    assert unknown_layers(floats, integers) == {"fc2": "one"}
    known = replace(BENCH, table={layer.name: 0.5 for layer in network.layers})
    assert unknown_layers(floats, known) == {"fc2": "one"}
    assert unknown_layers(floats, replace(known, table={**known.table, "it": 0.5})) == {}
