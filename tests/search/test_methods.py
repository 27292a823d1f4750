"""Every method by name: all on the same costs, with plans that say what they cost."""

import math
import random
import subprocess
import sys
from dataclasses import replace

import pytest
from brute import has_room, problems
from builders import CLOUD, EDGE, INTEGERS, LINKS, chain_problem, random_problem
from hypothesis import given, settings

from autosplit.errors import InfeasibleError, LatencyError, PlanError
from autosplit.graph.memory import crossing_bytes, edge_memory_bytes
from autosplit.grid.grid import WIDTHS
from autosplit.hardware.prediction import PlanWidths, predict
from autosplit.plan.pins import Pin
from autosplit.runs.options import USUAL_METHODS
from autosplit.search.baselines import plain
from autosplit.search.cuts.ideals import latency_floor
from autosplit.search.front.front import integer_front
from autosplit.search.methods import ALL, METHODS, search, search_pinned
from autosplit.search.pins import pin
from autosplit.search.questions.questions import least_latency
from autosplit.stats.coding import InputCoding


def barred(problem, name, side):
    """The problem with a layer that one device refuses to time, and the other times by traffic."""
    graph = problem.graph
    layers = [replace(n, kind="solve") if n.name == name else n for n in graph.layers]
    other = "cloud" if side == "edge" else "edge"
    stated = {other: replace(getattr(problem, other), unknown_operators="traffic")}
    return replace(problem, graph=replace(graph, layers=tuple(layers)), **stated)


@pytest.mark.parametrize("side", ["edge", "cloud"])
@pytest.mark.parametrize("seed", range(6))
def test_plans_with_a_layer_where_it_cannot_be_timed_are_left_out_and_no_others(seed, side):
    free = random_problem(random.Random(seed), 5)
    strange = next((n for n in reversed(free.graph.layers) if not n.gemms), None)
    if strange is None:
        return
    problem = barred(free, strange.name, side)
    same = replace(problem, **{side: replace(getattr(free, side), unknown_operators="traffic")})

    plans = search(problem)

    for plan in plans:
        assert (strange.name in plan.edge) == (side == "cloud")
    # what no plan left out beats is found as before, at the same costs
    before = {(p.name, p.edge): p for p in search(same, ["uniform8", "cloud16", "edge-float"])}
    for plan in plans:
        assert before.get((plan.name, plan.edge), plan) == plan
    for link in problem.links:
        ours = [p for p in plans if p.method == "autosplit"]
        rivals = [p for p in search(same) if problem.allows(p.edge)]
        rivals = [p for p in rivals if p.method in ("uniform8", "cloud16", "edge-float", "dads")]
        for rival in rivals:
            assert any(
                mine.distortion <= rival.distortion * (1 + 1e-9)
                and mine.predictions[link].latency_s <= rival.predictions[link].latency_s + 1e-9
                for mine in ours
            )
        best = least_latency(problem, link)
        assert problem.allows(best.plan.edge)
        prefixes = [p.predictions[link].latency_s for p in ours if p.name.startswith("cut")]
        assert best.value <= min(prefixes, default=math.inf) + 1e-9


def test_a_layer_that_neither_device_times_is_one_line():
    free = random_problem(random.Random(3), 6)
    layers = [replace(n, kind="solve", gemms=()) for n in free.graph.layers]

    with pytest.raises(LatencyError) as caught:
        search(replace(free, graph=replace(free.graph, layers=tuple(layers))))

    first = layers[0].name
    assert f"{first} (solve) on the edge edge, nor of {first} (solve) on the cloud cloud" in str(
        caught.value
    )
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(METHODS))
@pytest.mark.parametrize("seed", range(12))
def test_every_plan_of_every_method_conforms(name, seed, monkeypatch):
    monkeypatch.setattr(plain, "DRAWS", 60)
    problem = random_problem(random.Random(seed), 5, input_codings=(InputCoding(75, 1.5, 0.01),))
    plans = METHODS[name](problem)

    assert len({plan.name for plan in plans}) == len(plans)
    assert plans or (name == "cloud-jpeg" and len(problem.graph.prefix(0).crossing) != 1)
    for plan in plans:
        assert plan.method == name
        cut = problem.graph.cut(plan.edge)
        widths = plan.weight_bits, plan.activation_bits
        assert plan.edge == cut.edge
        assert tuple(plan.weight_bits) == cut.weights
        assert set(plan.activation_bits) == set(cut.edge_tensors)
        assert {plan.activation_bits[t] for t in problem.graph.inputs} == {problem.input_bits}
        used = {*plan.weight_bits.values(), *(plan.activation_bits[t] for t in cut.edge)}
        assert used <= {EDGE.float_bits} or used <= set(WIDTHS)
        assert 0 <= plan.lower_bound <= plan.distortion
        assert plan.edge_memory_bytes == edge_memory_bytes(cut, *widths)
        assert plan.predictions.keys() == LINKS.keys()
        assert plan.cloud_bits == (8 if name == "cloud8" else CLOUD.float_bits)
        if name != "cloud8":  # its cloud half adds distortion
            distortion = 0.01 if plan.input_coding else problem.distortion_of(*widths)
            assert plan.distortion == distortion
        if plan.input_coding is None:  # else what it sends is not what the widths say
            assert plan.crossing_bytes == crossing_bytes(cut, plan.activation_bits)
            for link in LINKS:
                bits = PlanWidths(*widths, plan.cloud_bits)
                expected = predict(cut, bits, EDGE, CLOUD, LINKS[link])
                assert plan.predictions[link] == expected


@settings(max_examples=30, deadline=None)
@given(problems(most=4, edge=INTEGERS))
def test_plans_of_ours_fit_and_are_proven_on_small_problems(problem):
    if not has_room(problem):
        return
    for plan in search(problem, ["autosplit"]):
        assert problem.fits(plan.edge_memory_bytes)
        assert plan.optimality_gap == 0


def test_without_a_jpeg_and_floats_on_the_edge_two_methods_have_no_plan():
    plans = search(chain_problem(edge=INTEGERS))
    assert {plan.method for plan in plans} == set(METHODS) - {"cloud-jpeg", "edge-float"}
    assert len({plan.name for plan in plans}) == len(plans)


def test_baselines_say_what_they_are_even_if_they_do_not_fit():
    plans = {plan.name: plan for plan in search(chain_problem(14))}
    for bits in (2, 4, 6, 8):
        plan = plans[f"uniform{bits}"]
        # 3 x 16 weights and the peak: x (8 bytes, 8 elements at 8 bits) beside c0 (8 elements).
        assert plan.edge_memory_bytes == 3 * 2 * bits + max(8 + bits, 2 * bits)
        assert plan.crossing_bytes == 0
        # The input, three weights and three outputs, all at 8 bits.
        assert plan.lower_bound == pytest.approx(7 * 4.0**-8)
    assert plans["cloud16"].edge == ()
    assert plans["cloud16"].crossing_bytes == 8
    assert plans["cloud16"].distortion == plans["cloud16"].lower_bound == 4.0**-8
    assert plans["cloud16"].cloud_bits == 16


def test_only_the_asked_methods_run_in_the_order_asked():
    plans = search(chain_problem(), ["cloud16", "uniform4"])
    assert [plan.name for plan in plans] == ["cloud16", "uniform4"]


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        (["autospilt"], "unknown method 'autospilt', did you mean 'autosplit'"),
        (["cloud16", "cloud16"], "each must be listed once"),
    ],
)
def test_wrong_methods_are_refused(methods, message):
    with pytest.raises(PlanError, match=message):
        search(chain_problem(), methods)


def test_names_of_methods_are_told_from_the_word_for_all_of_them():
    assert ALL not in METHODS
    assert set(USUAL_METHODS) <= METHODS.keys()


def test_pins_that_no_edge_half_can_keep_within_the_memory_are_refused():
    """Three weights of 16 elements at 8 bits take 48 bytes, one at 8 and a live set 32."""
    problem = chain_problem(20, sizes=(8, 8, 8, 8))
    with pytest.raises(InfeasibleError, match="no edge half with the pinned widths fits 20 bytes"):
        search_pinned(problem, pin(problem, [Pin("*", "weight", 8)]), ("autosplit",))


def test_the_hash_seed_changes_nothing():
    code = (
        "import random, builders as b; from autosplit.search.methods import METHODS\n"
        "for problem in (b.chain_problem(25), b.random_problem(random.Random(5))):\n"
        "    for name in sorted(METHODS): print(METHODS[name](problem))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert "cut000-00" in runs[0]
    assert "dads-slow" in runs[0]


@pytest.mark.parametrize("seed", range(6))
def test_seconds_of_coding_a_byte_count_as_a_slower_link_does(seed):
    problem = random_problem(random.Random(seed))
    name, link = next(iter(problem.links.items()))
    slower = replace(link, uplink_bps=link.uplink_bps / 64)
    coding = replace(link, byte_s=8 / slower.uplink_bps - 8 / link.uplink_bps)
    found = []
    for one in (slower, coding):
        asked = replace(problem, links={name: one})
        plans = {plan.name: plan for plan in search(asked, list(METHODS))}
        plans |= {f"{plan.name} of the front": plan for plan in integer_front(asked)}
        found.append(plans | {"floor": latency_floor(asked, name)})
    first, second = found

    assert first.keys() == second.keys()
    assert first.pop("floor") == pytest.approx(second.pop("floor"))
    for key, plan in first.items():
        other = second[key]
        assert (plan.edge, plan.weight_bits) == (other.edge, other.weight_bits), key
        assert plan.activation_bits == other.activation_bits
        assert plan.predictions[name].latency_s == pytest.approx(other.predictions[name].latency_s)
