from dataclasses import replace

import numpy as np
import pytest
from builders import LINKS, chain_problem

from autosplit.search.methods import search
from autosplit.search.thin import thin
from autosplit.stats.coding import InputCoding

METHODS = ["autosplit", "uniform2", "uniform4", "cloud16", "random"]


@pytest.fixture(scope="module")
def found():
    plans = search(replace(chain_problem(), widths=(1, 2, 3, 4, 5, 6, 7, 8)), METHODS)
    ours = [plan for plan in plans if plan.method == "autosplit"]
    return ours, [plan for plan in plans if plan.method != "autosplit"]


def points(plans, link):
    return [(plan.predictions[link].latency_s, plan.distortion) for plan in plans]


def test_zero_keeps_all(found):
    assert thin(*found, None) == found[0]


def test_few_are_kept_in_the_order_given_with_both_ends_of_every_link(found):
    ours, _ = found
    kept = thin(ours, [], 3)

    assert len(kept) <= 3 * len(LINKS) < len(ours)
    assert kept == [plan for plan in ours if plan in kept]
    for link in LINKS:
        assert min(points(kept, link)) == min(points(ours, link))
        assert min(d for _, d in points(kept, link)) == min(d for _, d in points(ours, link))


def test_whatever_beats_a_baseline_is_kept(found):
    """The fastest of all our plans with no more distortion is among those kept."""
    ours, others = found
    kept = thin(ours, others, 2)

    for link in LINKS:
        for plan in others:
            answers = [s for s, d in points(ours, link) if d <= plan.distortion * (1 + 1e-9)]
            here = [s for s, d in points(kept, link) if d <= plan.distortion * (1 + 1e-9)]
            assert min(here, default=np.inf) == min(answers, default=np.inf)


def falling(plan, name, exponents, input_coding=None):
    """Plans whose latency doubles as their distortion halves."""
    prediction = plan.predictions["slow"]
    return [
        replace(
            plan,
            name=f"{name}{i}",
            distortion=2.0**-i,
            lower_bound=0.0,
            predictions={"slow": replace(prediction, edge_s=2.0**i, transfer_s=0.0, cloud_s=0.0)},
            input_coding=input_coding,
        )
        for i in exponents
    ]


def test_places_are_spread_along_the_front(found):
    """Three places on a front whose latency doubles as its distortion halves: ends and middle."""
    front = falling(found[0][0], "", range(9))
    assert [one.name for one in thin(front, [], 3)] == ["0", "4", "8"]
    assert [one.name for one in thin(front[:1], [], 3)] == ["0"]


def test_nothing_stays_nothing(found):
    assert thin([], found[1], 3) == []


def test_jpeg_files_take_no_place_of_the_tensors(found):
    """Each JPEG file is twice as fast as the tensors of its distortion, and beats all of these."""
    plan, coding = found[0][0], InputCoding(50, 9.0, 1.0)
    tensors = falling(plan, "", range(9))
    pictures = [
        replace(one, predictions={"slow": replace(one.predictions["slow"], edge_s=2.0 ** (i - 1))})
        for i, one in enumerate(falling(plan, "jpeg", range(5), coding))
    ]
    kept = thin([*tensors, *pictures], [], 3)
    assert [one.name for one in kept] == ["0", "4", "8", "jpeg0", "jpeg2", "jpeg4"]


def test_of_each_kind_the_fastest_with_no_more_distortion_is_kept(found):
    """Of distortion 1/8 or less: the tensors of 1/8, and the JPEG file of 1/16."""
    plan, coding = found[0][0], InputCoding(50, 9.0, 1.0)
    ours = [*falling(plan, "", range(9)), *falling(plan, "jpeg", (0, 2, 4, 6), coding)]
    ours = [  # all JPEG files a little faster
        replace(one, predictions={"slow": replace(one.predictions["slow"], cloud_s=0.1)})
        if one.input_coding is None
        else one
        for one in ours
    ]
    other = replace(plan, name="other", distortion=0.125, lower_bound=0.0)
    kept = [one.name for one in thin(ours, [other], 2)]
    assert kept == ["0", "3", "8", "jpeg0", "jpeg4", "jpeg6"]
