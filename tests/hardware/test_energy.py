"""Joules of an answer on the edge device, by hand."""

import math
from dataclasses import replace

import pytest
from boards import BOARD, WIRE, graph, uniform

from autosplit.errors import ProfileError
from autosplit.graph.graph import Tail
from autosplit.hardware.energy import knows_energy, layer_j, products_j, radio_j, tail_j
from autosplit.hardware.link import Link
from autosplit.hardware.prediction import PlanWidths, edge_j, edge_s, predict, transfer_j

THRIFTY = replace(BOARD, active_w=2.0, mac_j={4: 1e-3, 8: 4e-3}, byte_j=0.01)
RADIO = replace(WIRE, radio_byte_j=0.5, message_bytes=10)
WEIGHTS = {"conv": 4, "fc": 4}


def test_a_layer_takes_its_products_at_the_widest_operand_and_its_bytes():
    g = graph()
    conv = g.by_name["conv"]
    # 16 x 18 x 3 products of an 8-bit image with 4-bit weights; bytes: 54 weights at 4 bits, 3
    # biases of 4 bytes, 32 pixels at 8 bits, 48 outputs at 4 bits
    widths = {"image": 8, "conv": 4}
    assert layer_j(conv, g, THRIFTY, 4, widths) == pytest.approx(
        864 * 4e-3 + 0.01 * (27 + 12 + 32 + 24)
    )
    narrow = layer_j(conv, g, THRIFTY, 4, {"image": 4, "conv": 4})
    assert narrow == pytest.approx(864 * 1e-3 + 0.01 * (27 + 12 + 16 + 24))


def test_a_layer_without_products_takes_its_bytes_alone():
    g = graph()
    relu = g.by_name["relu"]
    assert layer_j(relu, g, THRIFTY, 0, {"conv": 8, "relu": 4}) == pytest.approx(0.01 * (48 + 24))


@pytest.mark.parametrize(("bits", "joules"), [(1, 1e-3), (4, 1e-3), (5, 4e-3), (8, 4e-3)])
def test_a_product_is_that_of_the_narrowest_listed_width_that_holds_it(bits, joules):
    conv = graph().by_name["conv"]
    assert products_j(conv, THRIFTY, bits) == pytest.approx(864 * joules)


def test_a_width_beyond_all_listed_ones_is_not_known_and_never_zero():
    g = graph()
    assert products_j(g.by_name["conv"], THRIFTY, 16) == math.inf
    assert products_j(g.by_name["relu"], THRIFTY, 16) == 0.0
    floats = PlanWidths({"conv": 32, "fc": 32}, uniform(g.tensors, 32))
    assert predict(g.prefix(5), floats, THRIFTY, BOARD, RADIO).energy_j is None


def test_a_device_of_power_alone_has_no_joules_of_products():
    assert products_j(graph().by_name["conv"], replace(BOARD, active_w=2.0), 32) == 0.0


def test_the_edge_half_adds_its_power_for_its_seconds():
    g = graph()
    cut, widths = g.prefix(2), uniform(g.tensors, 4)
    each = sum(layer_j(g.by_name[name], g, THRIFTY, 4, widths) for name in ("conv", "relu"))
    assert edge_j(cut, THRIFTY, WEIGHTS, widths, 3.0) == pytest.approx(6.0 + each)


def test_what_the_link_carries_is_the_message_and_the_answer_if_it_comes_back():
    g = graph()
    cut, widths = g.prefix(1), uniform(g.tensors, 4)
    sent = sum(g.elements(name) for name in cut.crossing) / 2
    assert transfer_j(cut, RADIO, widths) == pytest.approx(0.5 * (sent + 10))
    assert transfer_j(cut, RADIO, widths, 7) == pytest.approx(0.5 * (7 + 10))
    both = replace(RADIO, downlink_bps=100.0, reply_bytes=3)
    back = sum(g.elements(name) for name in cut.answers) * 4 + 3
    assert transfer_j(cut, both, widths, 7) == pytest.approx(0.5 * (17 + back))


def test_what_runs_whole_on_the_edge_needs_no_joules_of_the_link():
    g = graph()
    whole = g.prefix(5)
    assert transfer_j(whole, WIRE, uniform(g.tensors, 4)) == 0.0
    assert transfer_j(g.prefix(1), WIRE, uniform(g.tensors, 4)) == math.inf


def test_a_plan_has_its_energy_where_both_profiles_say_it():
    g = graph()
    cut, tensors = g.prefix(1), uniform(g.tensors, 4)
    widths = PlanWidths(WEIGHTS, tensors)
    here = edge_j(cut, THRIFTY, WEIGHTS, tensors, edge_s(cut, THRIFTY, WEIGHTS, tensors))
    found = predict(cut, widths, THRIFTY, BOARD, RADIO)
    assert found.energy_j == pytest.approx(here + transfer_j(cut, RADIO, tensors))
    assert predict(cut, widths, BOARD, BOARD, RADIO).energy_j is None
    assert predict(cut, widths, THRIFTY, BOARD, WIRE).energy_j is None


def test_a_tail_is_paid_for_with_the_layer_that_it_follows():
    g, device = graph(), replace(THRIFTY, mac_j={8: 1e-3, 32: 2e-3})
    behind = graph()
    tailed = replace(g, tail=Tail("fc2", behind))
    floats = uniform(behind.tensors, 32)
    whole = sum(layer_j(one, behind, device, 32, floats) for one in behind.layers)
    assert tail_j(tailed, device, "fc2") == pytest.approx(whole)
    assert tail_j(tailed, device, "fc") == tail_j(g, device, "fc2") == 0.0
    own = layer_j(g.by_name["fc2"], g, device, 4, uniform(g.tensors, 4))
    tail = layer_j(g.by_name["fc2"], tailed, device, 4, uniform(g.tensors, 4)) - own
    assert tail == pytest.approx(whole)


@pytest.mark.parametrize("key", ["active_w", "byte_j"])
def test_any_number_on_energy_makes_it_known(key):
    assert not knows_energy(BOARD)
    assert knows_energy(replace(BOARD, **{key: 1.0}))
    assert knows_energy(replace(BOARD, mac_j={8: 1e-12}))


def test_bytes_on_a_link_take_its_joules_and_none_take_none():
    silent = Link(name="l", source="doc", uplink_bps=1.0)
    assert radio_j(silent, 0) == 0.0
    assert radio_j(silent, 1) == math.inf
    assert radio_j(RADIO, 4) == 2.0


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"mac_j": {8: 2e-12, 32: 1e-12}}, "wider operands must take no less"),
        ({"mac_j": {8: -1.0}}, "mac_j: 8: must be >= 0"),
        ({"mac_j": 3.0}, "must map widths to joules"),
        ({"mac_j": {64: 1.0}}, "1 to 32 bits"),
        ({"active_w": -1.0}, "active_w: must be >= 0"),
        ({"byte_j": math.nan}, "byte_j: must be a finite number"),
    ],
)
def test_wrong_joules_are_refused(given, text):
    with pytest.raises(ProfileError, match=text):
        replace(BOARD, **given)


def test_a_link_with_negative_joules_is_refused():
    with pytest.raises(ProfileError, match="radio_byte_j: must be >= 0"):
        replace(WIRE, radio_byte_j=-1.0)
