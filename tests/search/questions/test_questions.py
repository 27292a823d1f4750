import math
import random
from dataclasses import replace

import numpy as np
import pytest
from brute import WIDTHS, all_plans, every_cut, everything, prefix_cuts, small_problem, steps
from builders import (
    CLOUD,
    EDGE,
    LINKS,
    chain,
    distortions,
    falling,
    layer,
    table_device,
)

from autosplit.errors import DataError, InfeasibleError, PlanError, UnsolvedError
from autosplit.graph.graph import Graph
from autosplit.graph.memory import edge_memory_bytes
from autosplit.hardware.prediction import PlanWidths, predict
from autosplit.search.front import enumerate as enumeration
from autosplit.search.problem import Problem
from autosplit.search.questions import cutting_planes, questions
from autosplit.search.questions.highs import MilpSolution
from autosplit.search.questions.limits import WidthLimits
from autosplit.search.questions.orders import layer_orders
from autosplit.search.questions.questions import front, least_distortion, least_latency
from autosplit.search.tolerance import keeps


@pytest.fixture
def shared_orders(monkeypatch):
    """Orders of the layers and their candidates are made once for all questions on a problem."""
    made = {}

    def shared(problem, link, cuts):
        key = id(problem), link.name, None if cuts is None else tuple(cut.edge for cut in cuts)
        if key not in made:
            made[key] = problem, layer_orders(problem, link, cuts)
        return made[key][1]

    monkeypatch.setattr(questions, "layer_orders", shared)


def check_plan(problem, answer, link):
    plan = answer.plan
    cut = problem.graph.cut(plan.edge)
    widths = plan.weight_bits, plan.activation_bits
    assert tuple(plan.weight_bits) == cut.weights
    assert not cut.edge or problem.fits(edge_memory_bytes(cut, *widths))
    assert plan.distortion == problem.distortion_of(*widths)
    assert plan.edge_memory_bytes == edge_memory_bytes(cut, *widths)
    want = predict(cut, PlanWidths(*widths), problem.edge, problem.cloud, problem.links[link])
    assert plan.predictions[link] == want
    assert answer.lower_bound <= answer.value
    return want.latency_s, plan.distortion


def check_questions(problem, link, cuts, asked, tolerance=1e-9):
    """All three questions against trying all plans over these cuts."""
    latency, distortion = all_plans(problem, link, cuts)
    expected = steps(latency, distortion)
    got = front(problem, link, cuts=cuts)
    for answer in got:
        s, d = check_plan(problem, answer, link)
        assert answer.gap == 0
        faster = distortion[latency < s * (1 - 1e-9)]
        assert d < faster.min(initial=np.inf) * (1 + 1e-9)
    for s, d in expected:
        assert any(
            a.plan.predictions[link].latency_s <= s * (1 + 1e-9)
            and a.plan.distortion <= d * (1 + 1e-9)
            for a in got
        )
    for at in asked:
        s, d = expected[at % len(expected)]
        for most in (d, d * 1.0001):
            best = latency[distortion <= most * (1 + 1e-12)].min()
            answer = least_latency(problem, link, most, cuts=cuts)
            assert answer.value == check_plan(problem, answer, link)[0]
            assert answer.value == pytest.approx(best, rel=tolerance)
            assert answer.gap == pytest.approx(0, abs=tolerance)
        for most in (s * (1 + 1e-12), s * 1.0001):
            best = distortion[latency <= most].min()
            answer = least_distortion(problem, link, most, cuts=cuts)
            assert answer.value == check_plan(problem, answer, link)[1]
            assert answer.value == pytest.approx(best, rel=tolerance)
            assert answer.gap == pytest.approx(0, abs=tolerance)


def answer_seeds(first, last, cuts_of, tolerance=1e-9):
    for seed in range(first, last):
        problem = small_problem(seed)
        link = sorted(LINKS)[seed % len(LINKS)]
        check_questions(problem, link, cuts_of(problem), [seed, seed + 3], tolerance)


def blocks(first, last, quick):
    """Twenty seeds each; those after ``quick`` are slow tests."""
    slow = [pytest.mark.slow]
    return [pytest.param(n, marks=slow if n >= quick else ()) for n in range(first, last, 20)]


@pytest.mark.parametrize("first", blocks(0, 200, 100))
@pytest.mark.usefixtures("shared_orders")
def test_all_three_questions_have_the_optimum_of_all_prefixes_and_widths(first):
    answer_seeds(first, first + 20, prefix_cuts)


@pytest.mark.parametrize("first", blocks(1000, 1120, 1020))
@pytest.mark.usefixtures("shared_orders")
def test_all_three_questions_have_the_optimum_of_all_cuts_and_widths(first):
    answer_seeds(first, first + 20, every_cut)


def test_an_output_weighs_after_its_last_reader():
    """The answer c1 stays: beside c2 and c3, 20 and 70 bytes, there is room for it at 2 bits only.

    Before that its width shows nowhere: x and c0 together are the peak, 80 bytes.
    """
    graph = chain([40, 40, 10, 20, 70])
    graph = replace(graph, outputs=("c1", "c3"))
    table = distortions(graph, falling)
    table = {k: replace(v, distortion=float(k[2] == 2)) for k, v in table.items()}
    table["c1", "activation", 2] = replace(table["c1", "activation", 2], distortion=0.1)
    edge = table_device(dict.fromkeys(graph.by_name, 0.01))
    problem = Problem(graph, table, edge, CLOUD, LINKS, 95, (2, 8))
    got = least_distortion(problem, "slow", cuts=[graph.prefix(4)])
    assert got.value == pytest.approx(0.1)
    assert got.gap == 0


@pytest.mark.parametrize("first", range(2000, 2040, 10))
@pytest.mark.usefixtures("shared_orders")
def test_programs_agree_where_nothing_is_enumerated(first, monkeypatch):
    monkeypatch.setattr(enumeration, "MOST_LABELS", 0)
    for seed in range(first, first + 10):
        problem = small_problem(seed, 7)
        link, cuts = sorted(LINKS)[seed % len(LINKS)], prefix_cuts(problem)
        latency, distortion = all_plans(problem, link, cuts)
        expected = steps(latency, distortion)
        s, d = expected[seed % len(expected)]
        for most in (d, d * 1.0001):
            answer = least_latency(problem, link, most)
            check_plan(problem, answer, link)
            best = latency[distortion <= most * (1 + 1e-12)].min()
            assert answer.lower_bound * (1 - 1e-6) <= best
            assert answer.value == pytest.approx(best, rel=1e-6)
            assert answer.gap <= 1e-5
        for most in (s * (1 + 1e-12), s * 1.0001):
            answer = least_distortion(problem, link, most)
            check_plan(problem, answer, link)
            best = distortion[latency <= most].min()
            assert answer.lower_bound * (1 - 1e-6) <= best
            assert answer.value == pytest.approx(best, rel=1e-6)
            assert answer.gap <= 1e-5


def bops_of(problem, cut, weights, tensors):
    total = 0
    for name in cut.edge:
        layer = problem.graph.by_name[name]
        reads = max((tensors[t] for t in layer.inputs), default=1)
        weight = weights[layer.weight_owner or name] if layer.weight_elements else reads
        total += layer.macs * weight * reads
    return total


@pytest.mark.parametrize("seed", range(24))
def test_limits_in_the_user_s_terms_are_kept_and_used_up(seed):
    problem, rng = small_problem(4000 + seed, 7), random.Random(seed)
    kind = ("weight_bits", "activation_bits", "bops")[seed % 3]
    rows = []
    for cut in prefix_cuts(problem):
        latency, distortion, grid, names = everything(problem, cut, "slow")
        for column in range(len(distortion)):
            bits = [problem.usable[i] for i in grid[:, column]]
            chosen = dict(zip(names, bits, strict=True))
            weights = {n: b for (role, n), b in chosen.items() if role == "weight"}
            tensors = {n: b for (role, n), b in chosen.items() if role == "activation"}
            counts = {n: problem.graph.by_name[n].weight_elements for n in weights}
            outs = {n: problem.graph.elements(n) for n in tensors}
            value = {
                "weight_bits": sum(counts[n] * b for n, b in weights.items())
                / max(1, sum(counts.values())),
                "activation_bits": sum(outs[n] * b for n, b in tensors.items())
                / max(1, sum(outs.values())),
                "bops": bops_of(
                    problem,
                    cut,
                    weights,
                    tensors | dict.fromkeys(problem.graph.inputs, problem.input_bits),
                ),
            }[kind]
            rows.append((latency[column], distortion[column], value))
    rows = np.array(rows)
    limit = float(rng.choice(sorted(set(rows[:, 2]))))
    kept = rows[rows[:, 2] <= limit + 1e-9]
    most = float(rng.choice(sorted(set(kept[:, 1]))))

    got = least_latency(problem, "slow", most, limits=WidthLimits(**{kind: limit}))

    check_plan(problem, got, "slow")
    assert got.value == pytest.approx(kept[kept[:, 1] <= most * (1 + 1e-12), 0].min(), rel=1e-6)
    assert got.gap <= 1e-5


def test_a_limit_of_bit_operations_flips_the_width_where_it_is_met():
    """One layer of 3 x 4 products, its input at 8 bits: 12 x 8 x b bit operations."""
    graph = chain([4, 4], weight=6)
    problem = Problem(graph, distortions(graph, falling), EDGE, CLOUD, LINKS, None, WIDTHS)
    cuts = [graph.prefix(1)]
    for limit, bits in ((12 * 8 * 8, 8), (12 * 8 * 8 - 1, 4), (12 * 8 * 4, 4), (12 * 8 * 4 - 1, 2)):
        got = least_distortion(problem, "slow", cuts=cuts, limits=WidthLimits(bops=limit))
        assert got.plan.weight_bits == {"c0": bits}
    with pytest.raises(InfeasibleError, match="no plan keeps the limits"):
        least_distortion(problem, "slow", cuts=cuts, limits=WidthLimits(bops=12 * 8 * 2 - 1))


def test_a_target_nobody_can_meet_says_the_least_possible():
    problem = small_problem(5)
    fastest = least_latency(problem, "slow")
    with pytest.raises(
        InfeasibleError, match=rf"least possible is {1e3 * fastest.value:.6g} ms, the"
    ):
        least_distortion(problem, "slow", fastest.value / 2)
    least = least_distortion(problem, "slow")
    with pytest.raises(
        InfeasibleError, match=rf"distortion: the least possible is {least.value:.6g}"
    ):
        least_latency(problem, "slow", least.value / 2)


def test_wrong_questions_are_refused():
    problem = small_problem(5)
    with pytest.raises(PlanError, match="unknown link 'slwo', did you mean 'slow'"):
        least_latency(problem, "slwo")
    with pytest.raises(DataError, match="max_distortion: must be a number, got nan"):
        least_latency(problem, "slow", math.nan)
    with pytest.raises(ValueError, match="bops: must be a number of at least 0, got -1"):
        WidthLimits(bops=-1)


def test_latency_never_rises_with_the_distortion_allowed_nor_with_the_rate_of_the_link():
    problem = small_problem(7)
    links = {
        f"{r}": replace(LINKS["slow"], name=f"{r}", uplink_bps=float(r)) for r in range(20, 400, 60)
    }
    problem = replace(problem, links=links)
    last = math.inf
    for name in links:
        now = least_latency(problem, name, 1e-2).value
        assert now <= last
        last = now
    last = math.inf
    for most in np.geomspace(1e-4, 1.0, 9):
        now = least_latency(problem, "20", most).value
        assert now <= last
        last = now


def taken_from_answers(problem, link, cuts):
    """Ask for the least distortion at exactly the latency of the fastest plan, and back again."""
    latency, distortion = all_plans(problem, link, cuts)
    fastest = least_latency(problem, link, cuts=cuts)
    assert fastest.value == pytest.approx(latency.min(), rel=1e-9)
    best = least_distortion(problem, link, fastest.value, cuts=cuts)
    here = distortion[keeps(latency, fastest.value)]
    assert best.value == pytest.approx(here.min(), rel=1e-9)
    assert best.gap == pytest.approx(0, abs=1e-9)
    again = least_latency(problem, link, best.value, cuts=cuts)
    assert again.value == pytest.approx(latency[keeps(distortion, best.value)].min(), rel=1e-9)
    finest = least_distortion(problem, link, cuts=cuts)
    back = least_latency(problem, link, finest.value, cuts=cuts)
    assert back.value == pytest.approx(latency[keeps(distortion, finest.value)].min(), rel=1e-9)
    assert back.gap == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    "first", [7000, *(pytest.param(n, marks=pytest.mark.slow) for n in (7100,))]
)
@pytest.mark.usefixtures("shared_orders")
def test_limits_taken_from_answers_are_kept_by_the_best_plan_that_reaches_them(first):
    """Ties in latency: few different sizes, and a sum in any order of the layers."""
    for seed in range(first, first + 25):
        problem = small_problem(seed, 7)
        taken_from_answers(problem, sorted(LINKS)[seed % len(LINKS)], every_cut(problem))


@pytest.mark.usefixtures("shared_orders")
def test_two_branches_that_take_the_same_seconds_are_told_apart_by_their_distortion():
    """Which branch runs first changes the last digit of the latency, and nothing else."""
    for seed in range(6):
        rng = random.Random(seed)
        shapes = {"x": (300,), "y": (300,)}
        layers = []
        for i in range(3):
            for branch in "ab":
                name, before = f"{branch}{i}", f"{branch}{i - 1}" if i else "xy"["ab".index(branch)]
                elements = rng.choice([16, 32])
                layers.append(layer(name, [before], shapes, elements, weight=rng.choice([8, 9])))
                shapes[name] = (elements,)
        layers.append(layer("join", ["a2", "b2"], shapes, 16))
        graph = Graph("twins", {"x": (300,), "y": (300,)}, tuple(layers), ("join",))
        table = distortions(graph, lambda bits, rng=rng: 4.0**-bits * rng.random())
        problem = Problem(graph, table, EDGE, CLOUD, LINKS, None, (8,))
        taken_from_answers(problem, "slow", every_cut(problem))


@pytest.mark.parametrize("exponent", [16, 20, 100, 300])
def test_distortions_of_any_size_are_told_apart(exponent):
    """Only 4 bits keep the limit; at 8 bits the distortion is a third, both are beyond HiGHS."""
    graph = chain([4, 4])
    unit = 10.0**exponent
    table = distortions(graph, lambda bits: unit * (3 if bits == 4 else 1))
    table["x", "activation", 8] = replace(table["x", "activation", 8], distortion=1.0)
    problem = Problem(graph, table, EDGE, CLOUD, LINKS, None, (4, 8), 8)
    limits = WidthLimits(activation_bits=4)
    fastest = least_latency(problem, "slow", cuts=[graph.prefix(1)], limits=limits)
    got = least_distortion(
        problem, "slow", fastest.value * 1.001, cuts=[graph.prefix(1)], limits=limits
    )
    assert got.value == pytest.approx(3 * unit)
    assert got.gap == 0


def test_a_search_that_stops_without_a_plan_does_not_say_that_there_is_none(monkeypatch):
    """Nothing is enumerated, and HiGHS stops at once: nothing is found, and nothing is proven."""
    problem = replace(small_problem(8), memory_bytes=None)
    monkeypatch.setattr(enumeration, "MOST_LABELS", 0)
    stopped = MilpSolution(None, 0.0)
    monkeypatch.setattr(cutting_planes, "solve_milp", lambda *args: stopped)
    cuts = [problem.graph.prefix(len(problem.graph.layers))]
    with pytest.raises(UnsolvedError, match="no plan was found, and it is not proven"):
        least_latency(problem, "slow", cuts=cuts, limits=WidthLimits(weight_bits=1.5, bops=1.0))


def test_what_has_least_of_what_is_limited_is_an_answer_if_it_keeps_the_limit(monkeypatch):
    """The programs find nothing below any value, so only the other question's plan is there."""
    problem = replace(small_problem(8), memory_bytes=None)
    monkeypatch.setattr(enumeration, "MOST_LABELS", 0)
    fastest = least_latency(problem, "slow")
    monkeypatch.setattr(cutting_planes, "solve_milp", lambda *args: MilpSolution(None, 0.0))
    got = least_distortion(problem, "slow", fastest.value)
    assert keeps(got.plan.predictions["slow"].latency_s, fastest.value)
