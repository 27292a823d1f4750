"""Coded bytes in the search: the front of all plans there are, by trying every one."""

import itertools
import random
from dataclasses import replace

import pytest
from brute import FAST_CODING, SLOW_CODING, coding_s, has_room, small_problem

from autosplit.graph.memory import WholeBytes, edge_memory_bytes, tensor_bytes
from autosplit.hardware.prediction import PlanWidths, predict
from autosplit.search.cuts.ideals import latency_floor
from autosplit.search.front import enumerate as enumeration
from autosplit.search.methods import search
from autosplit.search.questions.questions import least_latency


def coded_problem(seed):
    """A problem of at most 6 tensors, whose bytes on the wire follow no rule."""
    problem, rng = small_problem(seed, most_tensors=6), random.Random(seed)
    widths = dict.fromkeys(problem.graph.inputs, problem.input_bits)
    coded = {}
    for name in problem.graph.tensors:
        for bits in {widths.get(name)} - {None} or problem.usable:
            if rng.random() < 0.8:
                coded[name, bits] = rng.randint(0, tensor_bytes(problem.graph, name, bits))
    edge = replace(problem.edge, encode_s=rng.choice([{}, SLOW_CODING, FAST_CODING]))
    cloud = replace(problem.cloud, decode_s=rng.choice([{}, SLOW_CODING, FAST_CODING]))
    return replace(problem, coded=coded, edge=edge, cloud=cloud)


def every_choice(problem, link):
    """Latency and distortion of each plan that fits, with what crosses counted here."""
    graph = problem.graph
    for length in range(len(graph.layers) + 1):
        cut = graph.prefix(length)
        names = [*(("w", n) for n in cut.weights), *(("a", n) for n in cut.edge)]
        for chosen in itertools.product(problem.usable, repeat=len(names)):
            weights = {n: b for (role, n), b in zip(names, chosen, strict=True) if role == "w"}
            tensors = {n: b for (role, n), b in zip(names, chosen, strict=True) if role == "a"}
            tensors |= dict.fromkeys(graph.inputs, problem.input_bits)
            sent = sum(
                problem.coded.get((t, tensors[t]), tensor_bytes(graph, t, tensors[t]))
                for t in cut.crossing
            )
            if cut.edge and not problem.fits(edge_memory_bytes(cut, weights, tensors)):
                continue
            widths = PlanWidths(weights, tensors, None, sent)
            seconds = predict(cut, widths, problem.edge, problem.cloud, problem.links[link])
            own_s = coding_s(problem, cut.crossing, tensors)
            yield seconds.latency_s + own_s, problem.distortion_of(weights, tensors)


@pytest.mark.parametrize("enumerated", [True, False])
@pytest.mark.parametrize("seed", range(700, 712))
def test_no_plan_beats_the_front_in_coded_bytes(seed, enumerated, monkeypatch):
    problem = coded_problem(seed)
    if not enumerated:
        monkeypatch.setattr(enumeration, "MOST_LABELS", 0)
    link = next(iter(problem.links))
    if not has_room(problem):
        return
    plans = [p for p in search(problem, ["autosplit"]) if p.name.startswith("cut")]
    found = [(p.predictions[link].latency_s, p.distortion, p.lower_bound, p) for p in plans]
    rivals = list(every_choice(problem, link))

    if enumerated:
        for seconds, distortion in rivals:
            assert any(s <= seconds + 1e-9 and d <= distortion + 1e-9 for s, d, *_ in found)
    for seconds, distortion, bound, plan in found:
        assert any(abs(s - seconds) < 1e-9 and abs(d - distortion) < 1e-9 for s, d in rivals)
        assert bound <= distortion
        assert plan.crossing_bytes == sum(
            problem.coded.get((t, bits), tensor_bytes(problem.graph, t, bits))
            for t, bits in plan.activation_bits.items()
            if t in problem.graph.cut(plan.edge).crossing
        )
    assert latency_floor(problem, link) <= min(s for s, _ in rivals) + 1e-12
    fastest = least_latency(problem, link)
    assert fastest.value == pytest.approx(min(s for s, _ in rivals), rel=1e-6)
    assert fastest.gap < 1e-6


@pytest.mark.parametrize("seed", range(720, 726))
def test_the_front_with_coded_bytes_is_never_above_the_front_without(seed):
    coded = coded_problem(seed)
    free = {"edge": replace(coded.edge, encode_s={}), "cloud": replace(coded.cloud, decode_s={})}
    coded = replace(coded, **free)
    packed = replace(coded, coded={})
    if not has_room(coded):
        return
    for link in coded.links:
        found = [
            (p.predictions[link].latency_s, p.distortion) for p in search(coded, ["autosplit"])
        ]
        for plan in search(packed, ["autosplit"]):
            s, d = plan.predictions[link].latency_s, plan.distortion
            assert any(one <= s + 1e-9 and other <= d + 1e-9 for one, other in found)


@pytest.mark.parametrize("seed", range(730, 733))
def test_whole_bytes_are_counted_and_take_no_seconds_of_coding(seed):
    paid = coded_problem(seed)
    whole = WholeBytes(
        ((name, bits), paid.graph.elements(name))
        for name in paid.graph.tensors
        for bits in {*paid.usable, paid.input_bits}
    )
    free = {"edge": replace(paid.edge, encode_s={}), "cloud": replace(paid.cloud, decode_s={})}
    if not has_room(paid):
        return
    found = [
        search(replace(one, coded=whole), ["autosplit"]) for one in (paid, replace(paid, **free))
    ]

    assert found[0] == found[1]
    for plan in found[0]:
        crossing = paid.graph.cut(plan.edge).crossing
        assert plan.crossing_bytes == sum(map(paid.graph.elements, crossing))
