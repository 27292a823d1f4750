"""Rates by hand, and plans that change with the link but not with its noise."""

import math

import pytest

from autosplit.deploy.link_estimate import LinkEstimate, PlanChoice, PlanTimes, mixed


def test_a_mean_begins_with_the_first_value_and_moves_by_the_weight():
    assert mixed(math.nan, 4.0) == 4.0
    assert mixed(4.0, 8.0, 0.25) == 5.0


def test_the_rate_is_of_the_seconds_beyond_the_round_trip():
    link = LinkEstimate()
    assert link.seconds(1000) == 0
    link.connected(0.02)
    link.sent(12_500, 0.12)  # 100,000 bits in 0.1 s

    assert link.uplink_bps == pytest.approx(1e6)
    assert link.seconds(25_000) == pytest.approx(0.22)

    link.sent(12_500, 0.22)  # 2 microseconds a bit instead of 1, of weight 0.3
    assert link.uplink_bps == pytest.approx(1e6 / 1.3)


def test_a_message_faster_than_the_round_trip_is_no_division_by_zero():
    link = LinkEstimate(rtt_s=1.0)
    link.sent(10, 0.001)
    assert math.isfinite(link.uplink_bps)
    assert link.uplink_bps > 0


def choice():
    times = {
        "edge": PlanTimes(0.5, 0.0, 0),
        "split": PlanTimes(0.1, 0.01, 10_000),  # 80,000 bits
        "raw": PlanTimes(0.0, 0.02, 100_000),  # 800,000 bits
    }
    return PlanChoice(times, LinkEstimate(), "split")


@pytest.mark.parametrize(
    ("bps", "plan"),
    [
        (1e5, "edge"),  # 0.5 s; 0.11 + 0.8; 0.02 + 8
        (1e6, "split"),  # 0.5; 0.11 + 0.08 = 0.19; 0.82
        (1e8, "raw"),  # 0.5; 0.1108; 0.028
    ],
)
def test_the_fastest_plan_on_a_link_answers(bps, plan):
    chosen = choice()
    chosen.link.uplink_bps = bps

    assert chosen.choose() == plan


def test_a_small_gain_changes_nothing_in_either_direction():
    chosen = choice()
    changes = set()
    for bps in (8e6, 8.6e6) * 10:  # split 0.12, 0.1193; raw 0.12, 0.113
        chosen.link.uplink_bps = bps
        changes.add(chosen.choose())

    assert changes == {"split"}


def test_out_of_reach_the_edge_answers_and_back_the_link_decides():
    chosen = choice()
    chosen.link.uplink_bps = 1e8
    chosen.reachable = False
    assert chosen.choose() == "edge"
    chosen.reachable = True
    assert chosen.choose() == "raw"


def test_measured_seconds_move_a_plan():
    times = PlanTimes(0.1, 0.0, 100)
    times.noted(0.2, 0.1, 200)
    assert (times.edge_s, times.cloud_s, times.size_bytes) == pytest.approx((0.13, 0.03, 130))


def test_the_round_trip_is_a_mean_too():
    link = LinkEstimate()
    link.connected(0.02)
    link.connected(0.04)
    assert link.rtt_s == pytest.approx(0.7 * 0.02 + 0.3 * 0.04)


@pytest.mark.parametrize(
    ("rtt_s", "seconds", "bps"),
    [
        (1.0, 0.001, 8000 / 1e-4),  # a tenth of the seconds is left for the bits
        (0.4, 1.0, 8000 / 0.6),
        (math.nan, 0.5, 8000 / 0.5),
        (math.nan, 0.0, 8000 / 1e-6),
    ],
)
def test_the_rate_of_one_message_of_1000_bytes(rtt_s, seconds, bps):
    link = LinkEstimate(rtt_s=rtt_s)
    link.sent(1000, seconds)
    assert link.uplink_bps == pytest.approx(bps)


def test_seconds_of_a_message_by_what_is_known():
    assert LinkEstimate(rtt_s=0.1).seconds(1000) == 0
    assert LinkEstimate(uplink_bps=8000).seconds(1000) == 1
    assert LinkEstimate(0.5, 8000).seconds(1000) == 1.5
    assert LinkEstimate(0.5, 8000).seconds(0) == 0


@pytest.mark.parametrize(("seconds", "plan"), [(0.84, "b"), (0.86, "a")])
def test_a_plan_is_left_for_one_that_takes_less_than_the_margin(seconds, plan):
    times = {"a": PlanTimes(1.0, 0.0, 0), "b": PlanTimes(seconds - 0.1, 0.1, 0)}
    chosen = PlanChoice(times, LinkEstimate(), "a")
    assert chosen.choose() == plan
    assert chosen.present == plan


def test_out_of_reach_a_plan_that_sends_takes_forever():
    chosen = choice()
    chosen.reachable = False
    assert chosen.seconds("split") == math.inf
    assert chosen.seconds("edge") == 0.5
