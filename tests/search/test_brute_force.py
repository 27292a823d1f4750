"""Every question of the search against a brute force that shares no code with it."""

import math

import pytest
from independent import cuts_of, drawn_problem, plans, prefixes_of

from autosplit.errors import InfeasibleError
from autosplit.search.cuts.ideals import useful
from autosplit.search.front import enumerate as enumeration
from autosplit.search.questions.limits import WidthLimits
from autosplit.search.questions.questions import front, least_distortion, least_latency

LOOSE = 1 + 1e-8
"""Limits are kept up to 1e-9, values agree to 1e-8."""


def agrees(proven, least):
    """Whether an answer is the least there is, and so is its bound."""
    assert proven.value == pytest.approx(least, rel=1e-8)
    assert proven.lower_bound <= least * LOOSE
    assert proven.gap <= 1e-8


def ask(seed, monkeypatch):
    """All questions about one problem; programs in place of enumeration for every fifth seed."""
    problem = drawn_problem(seed)
    if seed % 5 == 1:
        monkeypatch.setattr(enumeration, "MOST_LABELS", 0)
    cuts = None if seed % 3 else useful(problem).cuts
    every = plans(problem, prefixes_of(problem.graph) if cuts is None else cuts_of(problem.graph))
    fastest = min(seconds for seconds, _, _ in every)
    best = min(distortion for _, distortion, _ in every)

    quick = least_latency(problem, "link", cuts=cuts)
    agrees(quick, fastest)
    # the limit is the answer itself, and between two plans
    middle = sorted(seconds for seconds, _, _ in every)[len(every) // 2]
    for limit in (quick.value, middle):
        within = least_distortion(problem, "link", limit, cuts=cuts)
        agrees(within, min(d for s, d, _ in every if s <= limit * (1 + 1e-9)))
        back = least_latency(problem, "link", within.value, cuts=cuts)
        agrees(back, min(s for s, d, _ in every if d <= within.value * (1 + 1e-9)))
    agrees(least_distortion(problem, "link", cuts=cuts), best)
    with_limit(problem, cuts, every)
    whole(problem, cuts, every)


def with_limit(problem, cuts, every):
    """A mean width taken from a plan bans choices; one below all widths leaves all-cloud."""
    mean = sorted(mean for _, _, mean in every)[len(every) // 3]
    limits = WidthLimits(activation_bits=mean)
    proven = least_distortion(problem, "link", cuts=cuts, limits=limits)
    agrees(proven, min(d for _, d, m in every if m <= mean * (1 + 1e-9)))
    with pytest.raises(InfeasibleError):
        least_latency(problem, "link", -math.inf, cuts=cuts)


def whole(problem, cuts, every):
    """Each plan of the front exists, and where all are proven no plan is better than the front."""
    found = front(problem, "link", cuts=cuts)
    points = [(one.plan.predictions["link"].latency_s, one.value) for one in found]
    for seconds, distortion in points:
        assert any(
            math.isclose(s, seconds, rel_tol=1e-9) and math.isclose(d, distortion, rel_tol=1e-9)
            for s, d, _ in every
        )
    assert min(d for _, d in points) == pytest.approx(min(d for _, d, _ in every), rel=1e-8)
    for one, (seconds, distortion) in zip(found, points, strict=True):
        assert one.lower_bound <= distortion
        assert seconds >= min(s for s, _, _ in every) * (1 - 1e-9)


@pytest.mark.parametrize("first", range(0, 100, 20))
def test_a_hundred_networks_agree_with_the_brute_force(first, monkeypatch):
    for seed in range(first, first + 20):
        ask(seed, monkeypatch)
        monkeypatch.undo()


@pytest.mark.slow
@pytest.mark.parametrize("first", range(100, 600, 50))
def test_five_hundred_networks_agree_with_the_brute_force(first, monkeypatch):
    for seed in range(first, first + 50):
        ask(seed, monkeypatch)
        monkeypatch.undo()


def test_where_all_is_enumerated_the_front_is_that_of_all_plans():
    for seed in range(0, 40, 2):
        problem = drawn_problem(seed)
        every = sorted(plans(problem, prefixes_of(problem.graph)))
        found = front(problem, "link")
        points = [(one.plan.predictions["link"].latency_s, one.value) for one in found]
        for seconds, distortion, _ in every:
            assert any(s <= seconds * LOOSE and d <= distortion * LOOSE for s, d in points), seed
