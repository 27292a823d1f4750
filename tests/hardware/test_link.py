"""Links: profiles, rates as typed, and seconds on them."""

import re

import pytest
from profiles import LINK, wrong

from autosplit.errors import ProfileError
from autosplit.hardware.link import Link, link_names, load_link


def test_the_links_of_the_paper_and_the_usual_ones_are_shipped():
    assert {"1mbps", "3mbps", "10mbps", "20mbps", "lte", "5g", "wifi"} <= set(link_names())


@pytest.mark.parametrize("name", link_names())
def test_every_shipped_link_loads_under_its_name_and_cites_its_source(name):
    link = load_link(name)
    assert link.name == name
    assert re.search(r"\b20[0-9]{2}\b", link.source)


@pytest.mark.parametrize("mbps", [1, 3, 10, 20])
def test_a_shipped_link_of_the_paper_is_its_bare_rate(mbps):
    link = load_link(f"{mbps}mbps")
    assert (link.uplink_bps, link.downlink_bps, link.rtt_s) == (mbps * 10**6, None, 0.0)


@pytest.mark.parametrize("name", ["lte", "5g", "wifi"])
def test_a_measured_link_has_a_way_back_and_a_round_trip(name):
    link = load_link(name)
    assert link.downlink_bps > link.uplink_bps
    assert 0 < link.rtt_s < 0.1


def test_an_unknown_link_is_answered_with_the_names_and_the_way_to_give_a_rate():
    with pytest.raises(ProfileError, match=r"a rate such as 3mbps, choose from: 10mbps, .*, wifi"):
        load_link("carrier pigeon")


@pytest.mark.parametrize(
    ("text", "bps", "name"),
    [
        ("7mbps", 7e6, "7mbps"),
        ("0.1mbps", 1e5, "0.1mbps"),
        ("250kbps", 250e3, "250kbps"),
        ("2.5GBPS", 2.5e9, "2.5gbps"),
        ("3Mbps", 3e6, "3mbps"),
    ],
)
def test_a_rate_as_typed_is_an_uplink_without_round_trip(text, bps, name):
    link = load_link(text)
    assert (link.name, link.uplink_bps) == (name, pytest.approx(bps))
    assert (link.downlink_bps, link.rtt_s) == (None, 0.0)


@pytest.mark.parametrize(
    "text", ["mbps", "-1mbps", "1e3mbps", "1 mbps", "1mbpss", "1tbps", "1.mbps"]
)
def test_what_only_looks_like_a_rate_is_an_unknown_link(text):
    with pytest.raises(ProfileError, match="must be a shipped name, a file or a rate"):
        load_link(text)


def test_a_rate_of_zero_is_refused():
    with pytest.raises(ProfileError, match=r"0mbps: uplink_bps: must be > 0, got 0\.0"):
        load_link("0mbps")


def test_a_round_trip_is_not_negative(tmp_path):
    assert wrong(tmp_path, LINK, rtt_s=-0.1) == ["rtt_s: must be >= 0, got -0.1"]


def test_a_downlink_is_positive(tmp_path):
    assert wrong(tmp_path, LINK, downlink_bps=0) == ["downlink_bps: must be > 0, got 0"]


def test_a_link_sends_at_its_rate_after_half_a_round_trip():
    link = Link(name="x", source="s", uplink_bps=2.0e6, downlink_bps=8.0e6, rtt_s=0.05)
    assert link.transfer_s(1_000_000) == pytest.approx(0.05 / 2 + 1 / 2)
    assert link.answer_s(1_000_000) == pytest.approx(0.05 / 2 + 1 / 8)


def test_a_message_pays_for_its_headers_and_for_the_seconds_of_its_ends():
    link = Link(
        name="x",
        source="s",
        uplink_bps=1000.0,
        downlink_bps=500.0,
        rtt_s=0.2,
        message_bytes=25,
        reply_bytes=10,
        message_s=0.03,
        byte_s=0.002,
    )
    # 300 bits are 37.5 bytes
    assert link.transfer_s(300) == pytest.approx(0.1 + 0.03 + (300 + 200) / 1000 + 0.075)
    assert link.sent_byte_s == pytest.approx(link.transfer_s(308) - link.transfer_s(300))
    assert link.answer_s(40) == pytest.approx(0.1 + (40 + 80) / 500)


@pytest.mark.parametrize("key", ["message_bytes", "reply_bytes", "message_s", "jpeg_s", "byte_s"])
def test_what_a_message_costs_is_not_negative(tmp_path, key):
    assert wrong(tmp_path, LINK, **{key: -1}) == [f"{key}: must be >= 0, got -1"]


def test_an_answer_is_free_without_a_downlink():
    link = Link(name="x", source="s", uplink_bps=2.0e6, rtt_s=0.05)
    assert link.answer_s(1_000_000) == 0.0


def test_a_link_without_a_rate_is_refused():
    with pytest.raises(ProfileError, match="x: uplink_bps: must be > 0, got 0"):
        Link(name="x", source="s", uplink_bps=0)
