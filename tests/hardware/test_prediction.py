"""Seconds of the edge half, the link and the cloud half, by hand-made sums."""

from dataclasses import replace

import pytest
from boards import ARRAY, BOARD, WIRE, graph, uniform
from hypothesis import given
from hypothesis import strategies as st

from autosplit.errors import LatencyError
from autosplit.graph.graph import Cut, Graph
from autosplit.graph.layer import Gemm, Layer
from autosplit.hardware.device import load_device
from autosplit.hardware.link import Link, load_link
from autosplit.hardware.prediction import (
    PlanWidths,
    cloud_s,
    edge_s,
    give_s,
    predict,
    predict_links,
    take_s,
    transfer_s,
)
from autosplit.hardware.seconds import layer_s


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
    got = predict(cut, PlanWidths(weights, widths), ARRAY, BOARD, WIRE)
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
        return predict(
            cut, PlanWidths(weights, uniform(g.tensors, width)), edge, cloud, link
        ).latency_s

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


def test_a_cloud_half_of_integers_and_coded_bytes_are_paid_for_as_such():
    g = graph()
    cut, bits = g.prefix(2), {"image": 8, "conv": 3, "relu": 4}
    got = predict(cut, PlanWidths({"conv": 5}, bits, 8, sent_bytes=10), ARRAY, BOARD, WIRE)
    assert got.cloud_s == cloud_s(cut, BOARD, 8) < cloud_s(cut, BOARD)
    assert got.transfer_s == pytest.approx(0.5 / 2 + 80 / 100)
    assert got.edge_s == edge_s(cut, ARRAY, {"conv": 5}, bits)


def test_an_input_sent_as_a_jpeg_file_pays_for_the_coding_of_each_link():
    cut, bits = graph().prefix(0), {"image": 8}
    links = {"a": replace(WIRE, jpeg_s=0.125), "b": WIRE}
    plain = predict_links(cut, PlanWidths({}, bits, sent_bytes=10), ARRAY, BOARD, links)
    coded = predict_links(cut, PlanWidths({}, bits, None, 10, True), ARRAY, BOARD, links)
    assert coded["a"].transfer_s == plain["a"].transfer_s + 0.125
    assert coded["b"] == plain["b"] == plain["a"]


def test_coding_takes_seconds_of_the_device_that_does_it():
    g = graph()
    cut, bits = g.prefix(2), {"image": 8, "conv": 3, "relu": 4}
    edge = replace(ARRAY, encode_s={"tensor": 2.0, "element": 0.5, "pixel": 9.0})
    edge = replace(edge, decode_s={"tensor": 1e6})
    cloud = replace(BOARD, decode_s={"element": 0.25}, encode_s={"element": 1e6})
    packed = predict(cut, PlanWidths({"conv": 5}, bits), edge, cloud, WIRE)
    widths = PlanWidths({"conv": 5}, bits, None, 10, coded=("conv",))
    got = predict(cut, widths, edge, cloud, WIRE)
    # conv and relu cross, 48 elements each; relu is packed
    assert got.edge_s == pytest.approx(packed.edge_s + 2.0 + 0.5 * 48)
    assert got.cloud_s == pytest.approx(packed.cloud_s + 0.25 * 48)
    assert packed == predict(cut, PlanWidths({"conv": 5}, bits), ARRAY, BOARD, WIRE)


def test_a_jpeg_file_is_written_by_the_edge_and_read_by_the_cloud_pixel_by_pixel():
    cut, bits = graph().prefix(0), {"image": 8}
    edge = replace(ARRAY, encode_s={"tensor": 9.0, "element": 9.0, "pixel": 0.5})
    cloud = replace(BOARD, decode_s={"pixel": 0.25})
    plain = predict(cut, PlanWidths({}, bits, None, 10), edge, cloud, WIRE)
    got = predict(cut, PlanWidths({}, bits, None, 10, True), edge, cloud, WIRE)
    # the image is 2 x 4 x 4
    assert (plain.edge_s, got.edge_s) == (0.0, 0.5 * 16)
    assert got.cloud_s == pytest.approx(plain.cloud_s + 0.25 * 16)


def test_predictions_over_several_links_are_those_over_each_by_name():
    g = graph()
    cut, widths = g.prefix(1), PlanWidths({"conv": 4}, {"image": 8, "conv": 4})
    links = {"b": WIRE, "a": replace(WIRE, name="a", uplink_bps=1e3)}
    found = predict_links(cut, widths, ARRAY, BOARD, links)
    assert list(found) == ["a", "b"]
    assert found == {name: predict(cut, widths, ARRAY, BOARD, link) for name, link in links.items()}


def test_a_tensor_that_crosses_costs_what_the_tables_say():
    g = graph()
    cut = g.prefix(2)
    prices = {name: (2.0**k, 100 * 2.0**k) for k, name in enumerate(g.tensors)}
    edge, cloud = (replace(one, crossings=prices) for one in (BOARD, ARRAY))
    widths = PlanWidths({"conv": 8}, uniform(g.tensors, 8))

    free, charged = (predict(cut, widths, *pair, WIRE) for pair in ((BOARD, ARRAY), (edge, cloud)))

    assert len(cut.crossing) > 0
    assert charged.edge_s - free.edge_s == pytest.approx(sum(prices[t][0] for t in cut.crossing))
    assert charged.cloud_s - free.cloud_s == pytest.approx(sum(prices[t][1] for t in cut.crossing))
    assert charged.transfer_s == free.transfer_s


def test_nothing_on_the_edge_gives_nothing_and_nothing_in_the_cloud_takes_nothing():
    g = graph()
    prices = dict.fromkeys(g.tensors, (1.0, 1.0))
    edge, cloud = (replace(one, crossings=prices) for one in (BOARD, ARRAY))

    assert (give_s(g.prefix(0), edge), take_s(g.prefix(0), cloud)) == (0, len(g.prefix(0).crossing))
    assert (give_s(g.prefix(5), edge), take_s(g.prefix(5), cloud)) == (0, 0)
