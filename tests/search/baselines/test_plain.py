from dataclasses import replace

import pytest
from builders import CLOUD, EDGE, LINKS, distortions, falling, layer, table_device
from builders import chain_problem as integer_chain

from autosplit.graph.graph import Graph
from autosplit.hardware.seconds import layer_s
from autosplit.search.baselines import plain
from autosplit.search.baselines.literature import dads, neurosurgeon, qdmp
from autosplit.search.baselines.plain import cloud8, cloud_jpeg, edge_float
from autosplit.search.cost import distortion_floor
from autosplit.search.methods import METHODS
from autosplit.search.pareto import pareto
from autosplit.search.problem import Problem
from autosplit.stats.coding import InputCoding


def chain_problem(memory_bytes=None, edge=EDGE, **more):
    return integer_chain(memory_bytes, edge, **more)


def test_floats_cost_their_width_and_no_distortion_but_the_inputs():
    """Three layers of 16 weights, and 8 + 8 floats live at most: 4 (48 + 16) bytes."""
    (plan,) = edge_float(chain_problem())
    assert plan.weight_bits == {"c0": 32, "c1": 32, "c2": 32}
    assert plan.activation_bits == {"x": 8, "c0": 32, "c1": 32, "c2": 32}
    assert plan.edge_memory_bytes == 4 * (48 + 16)
    assert plan.distortion == plan.lower_bound == 4.0**-8


def test_a_device_of_integers_runs_no_floats():
    problem = chain_problem(edge=replace(EDGE, peak_macs_per_s={8: 1.0e2}))
    assert edge_float(problem) == []
    for method in (neurosurgeon, dads, qdmp):
        assert [plan.edge for plan in method(problem)] == [()] * len(LINKS)


@pytest.mark.parametrize(
    ("rows", "plans"),
    [({(8, 8): 1.0}, 0), ({(8, 8): 1.0, (32, 32): 2.0}, 1), (1.0, 1), ({(32, 8): 1.0}, 0)],
)
def test_a_device_whose_layers_were_measured_as_integers_alone_runs_no_floats(rows, plans):
    problem = chain_problem(edge=table_device(dict.fromkeys(("c0", "c1", "c2"), rows)))
    assert len(edge_float(problem)) == plans
    assert len(METHODS["autosplit"](problem)) > 0


def test_cloud8_computes_in_8_bits_and_is_as_accurate_as_uniform8():
    problem = chain_problem()
    (plan,) = cloud8(problem)
    (uniform,) = METHODS["uniform8"](problem)
    (cloud16,) = METHODS["cloud16"](problem)
    widths = dict.fromkeys(problem.graph.tensors, 8)
    seconds = sum(layer_s(one, problem.graph, CLOUD, 8, widths) for one in problem.graph.layers)

    assert plan.distortion == uniform.distortion == 7 * 4.0**-8
    assert (plan.edge, plan.cloud_bits, plan.crossing_bytes) == ((), 8, 8)
    for link in LINKS:
        assert plan.predictions[link].cloud_s == pytest.approx(seconds, rel=1e-12)
        assert plan.predictions[link].cloud_s < cloud16.predictions[link].cloud_s
        assert plan.predictions[link].transfer_s == cloud16.predictions[link].transfer_s


def test_random_plans_fit_and_no_one_of_them_beats_another():
    problem = chain_problem(memory_bytes=40)
    plans = plain.random(problem)

    assert all(problem.fits(plan.edge_memory_bytes) for plan in plans)
    assert len({len(plan.edge) for plan in plans}) > 1
    for plan in plans:
        unbeaten = False
        for link in LINKS:
            points = [(p.predictions[link].latency_s, p.distortion) for p in plans]
            unbeaten |= plans.index(plan) in pareto(points)
        assert unbeaten, plan.name


@pytest.mark.parametrize("draws", [1, 40])
def test_something_random_always_fits(draws, monkeypatch):
    monkeypatch.setattr(plain, "DRAWS", draws)
    assert [plan.edge for plan in plain.random(chain_problem(memory_bytes=1))] == [()]


def test_the_bound_takes_the_best_width_that_may_be_used():
    """Distortion |b - 4| + 1: of 2, 5 and 8 bits 5 is best, 2 each; x keeps its 8 bits, 5."""
    problem = chain_problem(sizes=[4, 4, 4], weight=3, widths=(2, 5, 8))
    table = distortions(problem.graph, lambda bits: abs(bits - 4) + 1.0)
    problem = replace(problem, distortions=table)
    lengths = [distortion_floor(problem, problem.graph.prefix(n)) for n in range(3)]
    assert lengths == [5, 5 + 4, 5 + 8]


def test_ours_is_never_beaten_by_a_random_plan():
    problem = chain_problem(edge=table_device(dict.fromkeys(["c0", "c1", "c2"], 0.02)))
    problem = replace(problem, memory_bytes=60)
    ours = METHODS["autosplit"](problem)
    for plan in plain.random(problem):
        for link in LINKS:
            seconds = plan.predictions[link].latency_s + 1e-9
            fast = [p for p in ours if p.predictions[link].latency_s <= seconds]
            assert min(p.distortion for p in fast) <= plan.distortion + 1e-12


def test_cloud_jpeg_sends_the_measured_bytes():
    problem = chain_problem()
    codings = (InputCoding(75, 4.2, 0.25), InputCoding(90, 7.0, 0.125))
    plan, finer = cloud_jpeg(replace(problem, input_codings=codings))
    assert [plan.name, finer.name] == ["cloud-jpeg75", "cloud-jpeg90"]
    assert (finer.crossing_bytes, finer.distortion, finer.input_coding) == (7, 0.125, codings[1])
    assert (plan.crossing_bytes, plan.distortion, plan.edge) == (5, 0.25, ())
    assert plan.predictions["slow"].transfer_s == 0.25 + 40 / 40
    # c2, 8 floats of 32 bits, comes back over 8000 bit/s
    assert plan.predictions["fast"].transfer_s == pytest.approx(40 / 4000 + 256 / 8000)
    assert plan.predictions["slow"].cloud_s > 0


def test_a_jpeg_file_costs_the_seconds_of_its_coding():
    problem = replace(chain_problem(), input_codings=(InputCoding(75, 4.0, 0.1),))
    links = {name: replace(link, jpeg_s=0.5) for name, link in problem.links.items()}
    (free,), (paid,) = cloud_jpeg(problem), cloud_jpeg(replace(problem, links=links))
    for name, one in free.predictions.items():
        assert paid.predictions[name].transfer_s == pytest.approx(one.transfer_s + 0.5)


def test_nothing_is_sent_as_jpeg_without_a_coding_or_with_two_inputs():
    assert cloud_jpeg(chain_problem()) == []
    shapes = {"x": (4,), "y": (4,)}
    graph = Graph("two", shapes, (layer("a", ["x", "y"], shapes, 4),), ("a",))
    problem = Problem(graph, distortions(graph, falling), EDGE, CLOUD, LINKS)
    assert cloud_jpeg(replace(problem, input_codings=(InputCoding(75, 4.0, 0.1),))) == []
