from dataclasses import replace

import numpy as np
import pytest
from builders import LINKS, chain_problem

from autosplit.search.methods import search
from autosplit.search.thin import thin

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


def test_places_are_spread_along_the_front(found):
    """Three places on a front whose latency doubles as its distortion halves: ends and middle."""
    plan = found[0][0]
    prediction = plan.predictions["slow"]
    front = [
        replace(
            plan,
            name=f"{i}",
            distortion=2.0**-i,
            lower_bound=0.0,
            predictions={"slow": replace(prediction, edge_s=2.0**i, transfer_s=0.0, cloud_s=0.0)},
        )
        for i in range(9)
    ]
    assert [one.name for one in thin(front, [], 3)] == ["0", "4", "8"]
    assert [one.name for one in thin(front[:1], [], 3)] == ["0"]


def test_nothing_stays_nothing(found):
    assert thin([], found[1], 3) == []
