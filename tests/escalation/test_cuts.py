"""What is sent on: all prefix cuts, the best of them by brute force, and the half that is left."""

import random
from dataclasses import replace

import numpy as np
import pytest
from builders import LINKS, chain_problem, random_problem
from plans import GRAPH, plan_file

from autosplit.escalation.cuts import SentCut, best_cuts, seconds_on, sent_cuts, sent_file
from autosplit.graph.memory import packed_bytes
from autosplit.grid.grid import Grid
from autosplit.hardware.prediction import PlanWidths, predict
from autosplit.search.cost import make_plan

NOT_CODED = {}


def whole_plan(problem, bits=4):
    cut = problem.graph.prefix(len(problem.graph.layers))
    return make_plan(problem, cut, *problem.uniform(cut, bits), name="e", method="", lower_bound=0)


class TestSentCuts:
    def test_every_prefix_that_sends_something_is_there(self):
        problem = chain_problem()
        found = sent_cuts(problem, whole_plan(problem), NOT_CODED)

        assert [len(one.cut.edge) for one in found] == [0, 1, 2]
        # 8 elements: the input at 8 bits, layers at 4
        assert [one.bytes for one in found] == [8, 4, 4]
        # 4^-bits each: the input, then a weight and an activation at 4 bits a layer
        assert [one.distortion for one in found] == pytest.approx(
            [4.0**-8, 4.0**-8 + 2 * 4.0**-4, 4.0**-8 + 4 * 4.0**-4]
        )

    def test_a_coded_tensor_takes_its_coded_bytes(self):
        problem = chain_problem()
        found = sent_cuts(problem, whole_plan(problem), {("c0", 4): ((), 3)})

        assert [one.bytes for one in found] == [8, 3, 4]

    def test_a_tensor_that_does_not_fit_beside_the_rest_is_not_sent(self):
        problem = chain_problem()
        plan = whole_plan(problem)
        tight = replace(problem, memory_bytes=plan.edge_memory_bytes)

        # with the input kept, 8 bytes are live beside 4 + 4: the peak was 8 + 4
        assert [len(one.cut.edge) for one in sent_cuts(tight, plan, NOT_CODED)] == [1, 2]


@pytest.mark.parametrize("seed", range(40))
def test_cuts_that_no_cut_beats_in_seconds_and_distortion_by_brute_force(seed):
    problem = random_problem(random.Random(seed))
    plan = whole_plan(problem, 3)
    cuts = sent_cuts(problem, plan, NOT_CODED)

    found = best_cuts(cuts, problem, plan, most=99)

    wanted = set()
    for link in LINKS.values():
        points = []
        for one in cuts:
            widths = PlanWidths(plan.weight_bits, plan.activation_bits)
            seconds = predict(one.cut, widths, problem.edge, problem.cloud, link)
            points.append((seconds.transfer_s + seconds.cloud_s, one.distortion))
        for place, (s, d) in enumerate(points):
            beaten = (
                (t <= s + 1e-12 and e < d - 1e-15) or (t < s - 1e-12 and e <= d + 1e-15)
                for t, e in points
            )
            first = all(abs(t - s) > 1e-12 or abs(e - d) > 1e-15 for t, e in points[:place])
            if not any(beaten) and first:
                wanted.add(len(cuts[place].cut.edge))
    assert [len(one.cut.edge) for one in found] == sorted(wanted)


def test_few_cuts_are_kept_with_both_ends():
    problem = chain_problem(sizes=(64, 32, 16, 8, 4, 2))
    problem = replace(problem, links={"slow": LINKS["slow"]})
    plan = whole_plan(problem)
    cuts = sent_cuts(problem, plan, NOT_CODED)

    assert [len(one.cut.edge) for one in best_cuts(cuts, problem, plan, most=2)] == [0, 4]
    assert best_cuts([], problem, plan) == []


def test_the_part_that_is_sent_has_the_grids_and_integers_of_the_whole():
    whole = plan_file()
    edge = tuple(GRAPH.by_name)
    grid = Grid.of(4, (1.0,), (0,))
    whole = replace(
        whole,
        plan=replace(whole.plan, edge=edge, activation_bits={**whole.plan.activation_bits, "c": 4}),
        activations={**whole.activations, "c": grid, "again": grid},
        codes={"a": np.zeros(10, np.uint8), "b": np.ones(15, np.uint8)},
        biases={"a": np.zeros(2), "again": np.ones(2)},
        weights_sha256="ff",
    )
    cut = GRAPH.prefix(1)

    part = sent_file(whole, SentCut(cut, 9, 0.0), {("a", 3): ((0, 1, 2, 3, 0), 9)})

    assert part.plan.edge == ("a",)
    assert part.weights == {"a": whole.weights["a"]}
    assert part.activations == {name: whole.activations[name] for name in ("x", "a")}
    assert (list(part.codes), list(part.biases)) == (["a"], ["a"])
    assert part.weights_sha256 == "ff"
    assert part.plan.crossing_bytes == part.wire.tensors[0].mean_bytes == 9
    # 10 weights at 4 bits, 2 fixed of 4 bytes, x and a live: 6 + ceil(5 * 3 / 8)
    assert part.plan.edge_memory_bytes == packed_bytes(10, 4) + 8 + 6 + 2


def test_seconds_of_what_is_sent_leave_the_edge_out():
    problem = chain_problem()
    plan, cut = whole_plan(problem), problem.graph.prefix(1)

    found = seconds_on(cut, plan, 5.0, (problem.edge, problem.cloud), LINKS["slow"])

    assert found.edge_s == 0
    assert found.transfer_s == 0.25 + 40 / 40.0
    widths = PlanWidths(plan.weight_bits, plan.activation_bits)
    same = predict(cut, widths, problem.edge, problem.cloud, LINKS["slow"])
    assert found.cloud_s == same.cloud_s


def test_coding_of_what_is_sent_on_is_paid_for_on_both_sides():
    problem = chain_problem()
    plan, link = whole_plan(problem), replace(LINKS["slow"], jpeg_s=0.125)
    edge = replace(problem.edge, encode_s={"tensor": 0.5, "element": 0.25})
    cloud = replace(problem.cloud, decode_s={"element": 0.5})

    for length, coded in ((1, ("c0",)), (1, ())):
        cut = problem.graph.prefix(length)
        packed = seconds_on(cut, plan, 5.0, (problem.edge, problem.cloud), link)
        found = seconds_on(cut, plan, 5.0, (edge, cloud), link, coded)
        # c0 has 8 elements
        assert found.edge_s == len(coded) * (0.5 + 0.25 * 8)
        assert found.cloud_s == pytest.approx(packed.cloud_s + len(coded) * 0.5 * 8)
        assert found.transfer_s == packed.transfer_s


def test_the_tensors_of_a_cut_that_are_coded_are_named():
    problem = chain_problem()
    found = sent_cuts(problem, whole_plan(problem), {("c0", 4): ((), 3), ("c1", 8): ((), 1)})

    assert [one.coded for one in found] == [(), ("c0",), ()]
