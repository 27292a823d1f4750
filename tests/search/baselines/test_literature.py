import random
from dataclasses import replace

import pytest
from builders import (
    CLOUD,
    EDGE,
    LINKS,
    chain,
    chain_problem,
    closed_cuts,
    distortions,
    falling,
    layer,
    random_problem,
    table_device,
)

from autosplit.graph.graph import Graph
from autosplit.hardware.prediction import PlanWidths, predict
from autosplit.search.baselines.literature import dads, link_charges, neurosurgeon, qdmp
from autosplit.search.problem import Problem

METHODS = {"neurosurgeon": neurosurgeon, "dads": dads, "qdmp": qdmp}


def float_latency(problem, cut, link):
    """Seconds of the float network at a cut, by the latency model alone."""
    widths = PlanWidths(*problem.uniform(cut, problem.edge.float_bits))
    return predict(cut, widths, problem.edge, problem.cloud, problem.links[link]).latency_s


@pytest.mark.parametrize("name", sorted(METHODS))
def test_methods_that_look_at_the_link_give_one_plan_per_link(name):
    plans = METHODS[name](random_problem(random.Random(3)))
    assert [plan.name for plan in plans] == [f"{name}-both", f"{name}-fast", f"{name}-slow"]


@pytest.mark.parametrize("seed", range(40))
def test_dads_and_qdmp_find_the_fastest_float_cut(seed):
    problem = random_problem(random.Random(seed), 6)
    for link, one, other, scan in zip(
        sorted(LINKS), dads(problem), qdmp(problem), neurosurgeon(problem), strict=True
    ):
        best = min(float_latency(problem, cut, link) for cut in closed_cuts(problem.graph))
        assert one.predictions[link].latency_s == pytest.approx(best, rel=1e-12)
        assert other.predictions[link].latency_s == pytest.approx(best, rel=1e-12)
        assert scan.predictions[link].latency_s >= best * (1 - 1e-12)


def skip_problem():
    """x (8) -> a (64) -> b (1) -> c (1), and c reads a too: cut after b, a crosses as well."""
    shapes = {"x": (8,), "a": (64,), "b": (1,)}
    layers = (
        layer("a", ["x"], shapes, 64),
        layer("b", ["a"], shapes, 1),
        layer("c", ["a", "b"], shapes, 1),
    )
    graph = Graph("skip", {"x": (8,)}, layers, ("c",))
    edge = table_device({"a": 0.01, "b": 0.01, "c": 5.0})
    return Problem(graph, distortions(graph, falling), edge, CLOUD, {"slow": LINKS["slow"]})


def test_neurosurgeon_overlooks_a_skip_tensor_and_pays_for_it():
    """Over 40 bit/s its own output, 32 bits of b, seems to take 0.25 + 0.8 s; a has 64 x 32."""
    problem = skip_problem()
    (plan,), (best,) = neurosurgeon(problem), dads(problem)

    assert plan.edge == ("a", "b")
    assert plan.crossing_bytes == 4 * (64 + 1)
    assert plan.predictions["slow"].transfer_s == 0.5 / 2 + 32 * (64 + 1) / 40
    assert best.edge == ()
    assert best.predictions["slow"].transfer_s == 0.5 / 2 + 8 * 8 / 40


def test_neurosurgeon_is_the_best_cut_of_a_chain_without_answers_to_pay_for():
    link = LINKS["slow"]
    for seed in range(30):
        rng = random.Random(seed)
        problem = chain_problem(edge=EDGE, sizes=[rng.randint(1, 40) for _ in range(6)])
        problem = replace(problem, links={"slow": link})
        (plan,), (best,) = neurosurgeon(problem), dads(problem)
        assert plan.predictions["slow"].latency_s == pytest.approx(
            best.predictions["slow"].latency_s, rel=1e-12
        )


def test_of_equally_fast_splits_neurosurgeon_takes_the_first():
    """Four elements of 8 bits take as long to send as one float after a layer that costs none."""
    problem = chain_problem(sizes=[4, 1, 1], weight=0, edge=table_device({"c0": 0.0, "c1": 9.9}))
    problem = replace(problem, cloud=table_device({"c0": 0.0, "c1": 0.0}))
    assert [plan.edge for plan in neurosurgeon(problem)] == [()] * len(LINKS)


def test_neurosurgeon_sends_nothing_when_everything_is_on_the_edge():
    problem = chain_problem(sizes=[8, 8, 8], edge=table_device({"c0": 0.0, "c1": 0.0}))
    assert [plan.edge for plan in neurosurgeon(problem)] == [("c0", "c1")] * len(LINKS)


def test_a_link_with_a_downlink_charges_each_answer_once_whatever_its_copies():
    """c2 has 8 elements of 32 bits over 300 bit/s; half a round trip each way of 0.1 s."""
    graph = chain([8, 8, 8, 8])
    charges = link_charges(replace(graph, outputs=("c2",)), LINKS["both"])
    assert charges.message_s == pytest.approx(0.05)
    assert charges.reply_s == pytest.approx(0.05)
    assert charges.answers_s == {"c2": 8 * 32 / 300}
    assert link_charges(graph, LINKS["slow"]).answers_s == {}
