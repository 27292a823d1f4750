"""The energy of many choices against their plans, its limit against trying every plan."""

import math
from dataclasses import replace

import pytest
from brute import every_plan, small_problem
from builders import LINKS, chain_problem
from picked import costs_of, plan_at, random_choices

from autosplit.errors import InfeasibleError, ProfileError
from autosplit.hardware.prediction import PlanWidths, predict
from autosplit.search.limits import PlanLimits, keeps_energy, limited
from autosplit.search.methods import search
from autosplit.search.questions.energy import check_energy, energies
from autosplit.search.questions.limits import WidthLimits
from autosplit.search.questions.questions import least_distortion, least_latency

JOULES = {"active_w": 0.3, "mac_j": {2: 1e-3, 4: 2e-3, 8: 7e-3, 32: 0.05}, "byte_j": 2e-3}
RADIO = {"slow": 0.01, "both": 0.02, "fast": 0.005}


def thrifty(problem, link=None, **changed):
    """A problem whose profiles say their joules, over one link or all."""
    links = {
        name: replace(one, radio_byte_j=RADIO[name], message_bytes=3)
        for name, one in problem.links.items()
        if link in {None, name}
    }
    return replace(problem, edge=replace(problem.edge, **(JOULES | changed)), links=links)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("seed", range(6))
def test_the_energy_of_many_choices_is_that_of_their_plans(seed, link):
    problem = thrifty(small_problem(seed), link)
    costs = costs_of(problem)
    pool = costs.pool([random_choices(problem, 20, seed)])
    of_plans = [plan_at(problem, pool, m).predictions[link].energy_j for m in range(20)]
    assert energies(costs, pool).tolist() == pytest.approx(of_plans)


def everything(problem, link):
    """Energy, seconds and distortion of every plan that there is."""
    for cut, weights, tensors in every_plan(problem):
        widths = PlanWidths(weights, tensors)
        one = predict(cut, widths, problem.edge, problem.cloud, problem.links[link])
        yield one.energy_j, one.latency_s, problem.distortion_of(weights, tensors)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("part", [0.02, 0.2, 0.5, 0.9])
@pytest.mark.parametrize(
    "changed", [{}, {"active_w": 0.0}, {"byte_j": 0.0}, {"mac_j": {}}], ids=str
)
def test_the_plan_within_an_energy_is_the_best_of_all_and_proven(link, part, changed):
    problem = thrifty(replace(chain_problem(), widths=(2, 4, 8)), link, **changed)
    every = sorted(everything(problem, link))
    most = every[int(part * len(every))][0]
    kept = [row for row in every if row[0] <= most]
    limits = WidthLimits(energy_j=most)

    found = least_distortion(problem, link, limits=limits)
    assert found.value == pytest.approx(min(row[2] for row in kept), rel=1e-6)
    assert found.gap == pytest.approx(0.0, abs=1e-6)
    assert found.plan.predictions[link].energy_j <= most * (1 + 1e-9)
    fastest = least_latency(problem, link, limits=limits)
    assert fastest.value == pytest.approx(min(row[1] for row in kept), rel=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_limits_hold_together_with_memory_and_latency(seed):
    problem = thrifty(small_problem(seed, 7), "both")
    every = list(everything(problem, "both"))
    most_j, most_s = (sorted(row[place] for row in every)[len(every) // 2] for place in (0, 1))
    kept = [row[2] for row in every if row[0] <= most_j and row[1] <= most_s]
    if not kept:
        with pytest.raises(InfeasibleError):
            least_distortion(problem, "both", most_s, limits=WidthLimits(energy_j=most_j))
        return
    found = least_distortion(problem, "both", most_s, limits=WidthLimits(energy_j=most_j))
    assert found.value == pytest.approx(min(kept), rel=1e-6)


def test_a_width_without_joules_is_not_taken():
    """The device lists 4 bits at most: no plan may compute with 8, and the input has 8."""
    problem = thrifty(replace(chain_problem(), widths=(2, 4, 8)), "slow", mac_j={4: 1e-3})
    assert least_latency(problem, "slow").plan.edge
    found = least_latency(problem, "slow", limits=WidthLimits(energy_j=1e9))
    assert found.plan.edge == ()
    inputs = {("x", "activation", 4): problem.distortions["x", "activation", 8]}
    four = replace(problem, input_bits=4, distortions=problem.distortions | inputs)
    known = [row for row in everything(four, "slow") if row[0] is not None]
    found = least_latency(four, "slow", limits=WidthLimits(energy_j=1e9))
    assert found.plan.edge
    assert {*found.plan.weight_bits.values()} <= {2, 4}
    assert found.value == pytest.approx(min(row[1] for row in known), rel=1e-6)


def test_plans_beyond_the_energy_are_dropped_and_ours_is_first():
    problem = thrifty(replace(chain_problem(), widths=(2, 4, 8)))
    plans = search(problem, ["autosplit", "uniform2", "uniform8"])
    most = plans[-1].predictions["fast"].energy_j * 0.5
    kept = limited(problem, plans, PlanLimits(WidthLimits(energy_j=most)))
    assert kept[0].name.startswith("limit-")
    for plan in kept:
        assert min(one.energy_j for one in plan.predictions.values()) <= most * (1 + 1e-9)


def test_an_energy_that_nobody_keeps_says_the_least_that_was_found():
    problem = thrifty(replace(chain_problem(), widths=(2, 4, 8)))
    plans = search(problem, ["autosplit"])
    least = min(one.energy_j for plan in plans for one in plan.predictions.values())
    with pytest.raises(InfeasibleError, match=f"least energy .* is {1e3 * least:.6g} mJ"):
        limited(problem, plans, PlanLimits(WidthLimits(energy_j=1e-9)))


def test_profiles_without_joules_are_named():
    problem = chain_problem()
    joules = thrifty(problem)
    with pytest.raises(ProfileError, match="integers: its profile must say active_w"):
        least_distortion(problem, "slow", limits=WidthLimits(energy_j=1.0))
    with pytest.raises(ProfileError, match="slow: its profile must say radio_byte_j"):
        check_energy(joules.edge, problem.links["slow"])
    check_energy(joules.edge, joules.links["slow"])


def test_an_unknown_energy_keeps_no_limit_but_none():
    one = predict(
        chain_problem().graph.prefix(0),
        PlanWidths({}, {"x": 8}),
        chain_problem().edge,
        chain_problem().cloud,
        LINKS["slow"],
    )
    assert one.energy_j is None
    assert keeps_energy(one, None)
    assert not keeps_energy(one, math.inf)
