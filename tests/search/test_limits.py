"""Limits beside memory, against trying every plan of a chain of three layers."""

from dataclasses import replace

import pytest
from brute import every_plan
from builders import LINKS, chain_problem, distortions, falling

from autosplit.errors import InfeasibleError
from autosplit.graph.graph import Graph
from autosplit.graph.layer import Gemm, Layer
from autosplit.hardware.prediction import PlanWidths, predict
from autosplit.search.cuts.ideals import latency_floor, useful
from autosplit.search.limits import PlanLimits, limited
from autosplit.search.methods import search
from autosplit.search.questions.limits import WidthLimits

METHODS = ["autosplit", "uniform2", "uniform4", "uniform8", "cloud16"]


@pytest.fixture(scope="module")
def problem():
    return replace(chain_problem(), widths=(2, 4, 8))


@pytest.fixture(scope="module")
def plans(problem):
    return search(problem, METHODS)


def every(problem, link):
    """Latency, distortion, mean widths and bit operations of every plan there is."""
    for cut, weights, tensors in every_plan(problem):
        widths = PlanWidths(weights, tensors)
        seconds = predict(cut, widths, problem.edge, problem.cloud, LINKS[link])
        outs = [tensors[name] for name in cut.edge]
        # every layer: 16 weights, 8 outputs, 1 x 3 x 8 multiply-accumulates
        reads = [tensors[problem.graph.by_name[name].inputs[0]] for name in cut.edge]
        yield {
            "latency": seconds.latency_s,
            "distortion": problem.distortion_of(weights, tensors),
            "weight_bits": sum(weights.values()) / len(weights) if weights else 0.0,
            "activation_bits": sum(outs) / len(outs) if outs else 0.0,
            "bops": sum(24 * r * w for r, w in zip(reads, weights.values(), strict=True)),
        }


@pytest.mark.parametrize(
    "limits", [{"weight_bits": 4.0}, {"activation_bits": 3.0}, {"bops": 1050.0}], ids=str
)
@pytest.mark.parametrize("most", [0.2, 0.02])
def test_ours_is_the_fastest_of_all_within_the_limits(problem, plans, limits, most):
    ((key, value),) = limits.items()
    kept = limited(problem, plans, PlanLimits(WidthLimits(**limits), max_distortion=most))

    for link in LINKS:
        best = min(
            row["latency"]
            for row in every(problem, link)
            if row[key] <= value and row["distortion"] <= most * (1 + 1e-12)
        )
        (ours,) = [plan for plan in kept if plan.name == f"limit-{link}"]
        assert ours.predictions[link].latency_s == pytest.approx(best, rel=1e-6)
        assert ours.method == "autosplit"


def test_the_least_distortion_within_a_latency(problem, plans):
    most = 1.2
    kept = limited(problem, plans, PlanLimits(WidthLimits(), max_latency_s=most))

    for link in LINKS:
        fitting = [row["distortion"] for row in every(problem, link) if row["latency"] <= most]
        names = [plan for plan in kept if plan.name == f"limit-{link}"]
        assert bool(names) == bool(fitting)
        if fitting:
            assert names[0].distortion == pytest.approx(min(fitting), rel=1e-6)
    for plan in kept:
        assert min(p.latency_s for p in plan.predictions.values()) <= most * (1 + 1e-9)


def test_plans_beyond_a_limit_are_dropped(problem, plans):
    kept = {plan.name for plan in limited(problem, plans, PlanLimits(WidthLimits(weight_bits=4.0)))}
    assert {"uniform2", "uniform4", "cloud16"} <= kept
    assert "uniform8" not in kept


def test_no_limits_change_nothing(problem, plans):
    assert limited(problem, plans, PlanLimits(WidthLimits())) == plans


def test_what_nobody_can_meet_says_the_least_possible(problem, plans):
    with pytest.raises(InfeasibleError, match=r"latency over .* least possible is \d.* limit is"):
        limited(problem, plans, PlanLimits(WidthLimits(), max_latency_s=1e-6))
    with pytest.raises(InfeasibleError, match=r"least possible with .* 0\.5 is \d"):
        limited(problem, plans, PlanLimits(WidthLimits(), max_latency_s=1e-6, max_distortion=0.5))


def test_answers_over_any_cut_are_no_worse_and_may_be_no_prefix():
    """Two branches; the second in order is worth running on the edge alone."""
    problem = branches()
    targets = PlanLimits(WidthLimits(), max_distortion=1.0)
    prefix = {plan.name: plan for plan in limited(problem, [], targets)}
    every = useful(problem)
    assert every.complete
    ours = {plan.name: plan for plan in limited(problem, [], replace(targets, cuts=every.cuts))}

    for link in LINKS:
        name = f"limit-{link}"
        seconds = ours[name].predictions[link].latency_s
        assert seconds <= prefix[name].predictions[link].latency_s
        assert seconds >= latency_floor(problem, link)
    slow = ours["limit-slow"]
    assert slow.edge == ("small",)
    assert slow.predictions["slow"].latency_s < prefix["limit-slow"].predictions["slow"].latency_s


def branches():
    """``big`` takes long on the edge and its output is small; so is that of ``small``, at once."""
    shapes = {"x": (8,), "y": (400,)}
    big = layer("big", ("x",), 4, macs=10**6)
    small = layer("small", ("y",), 4, macs=1)
    joined = layer("join", ("big", "small"), 4, macs=10**6)
    graph = Graph("branches", shapes, (big, small, joined), ("join",))
    return replace(
        chain_problem(), graph=graph, distortions=distortions(graph, falling), widths=(2, 4, 8)
    )


def layer(name, reads, elements, macs):
    sizes = {"x": (8,), "y": (400,), "big": (4,), "small": (4,)}
    shapes = tuple(sizes[tensor] for tensor in reads)
    return Layer(
        name,
        "conv",
        reads,
        shapes,
        (elements,),
        weight_elements=4,
        weight_owner=name,
        gemms=(Gemm(1, 1, macs),),
    )
