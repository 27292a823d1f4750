import random
from dataclasses import replace

import pytest
from brute import ODD
from builders import CLOUD, EDGE, LINKS, chain, closed_cuts, distortions, falling, random_graph

from autosplit.graph.graph import Graph
from autosplit.graph.layer import Gemm, Layer
from autosplit.graph.memory import peak_bytes
from autosplit.hardware.prediction import PlanWidths, predict
from autosplit.search.cuts.ideals import ideals, latency_floor, orders, reordered, useful
from autosplit.search.problem import Problem


def problem_of(graph):
    return Problem(graph, distortions(graph, falling), EDGE, CLOUD, LINKS)


@pytest.mark.parametrize("seed", range(60))
def test_every_closed_set_is_listed_once(seed):
    graph = random_graph(random.Random(seed))
    found = [cut.edge for cut in ideals(graph).cuts]
    assert sorted(found) == sorted(cut.edge for cut in closed_cuts(graph))
    assert [len(edge) for edge in found] == sorted(map(len, found))


def test_a_graph_with_more_cuts_than_asked_for_is_not_listed():
    graph = chain([1] * 5)  # four layers, five cuts
    assert len(ideals(graph, 5).cuts) == 5
    assert ideals(graph, 4) is None


def branches(count):
    """Layers that all read the input, and one that adds them up: 2^count + 1 cuts."""
    layers = [Layer(f"b{i}", "add", ("x",), ((4,),), (4,)) for i in range(count)]
    names = tuple(layer.name for layer in layers)
    layers.append(Layer("sum", "add", names, ((4,),) * count, (4,)))
    return Graph("branches", {"x": (4,)}, tuple(layers), ("sum",))


def test_of_too_many_cuts_the_prefixes_and_minimum_cuts_are_kept_and_it_is_said():
    problem = problem_of(branches(6))
    some = useful(problem, most=20)
    assert not some.complete
    assert {problem.graph.prefix(n).edge for n in range(8)} <= {cut.edge for cut in some.cuts}
    assert useful(problem).complete
    assert len(useful(problem).cuts) == 2**6 + 1


@pytest.mark.parametrize("edge", [EDGE, ODD], ids=["narrow is fast", "narrow is slow"])
@pytest.mark.parametrize("seed", range(20))
def test_no_plan_over_any_cut_is_faster_than_the_floor(seed, edge):
    """At any one width: a narrower one may compute more slowly, and always sends less."""
    problem = replace(problem_of(random_graph(random.Random(seed), 6)), edge=edge)
    for link in LINKS:
        floor = latency_floor(problem, link)
        for cut in closed_cuts(problem.graph):
            for bits in problem.usable:
                widths = PlanWidths(*problem.uniform(cut, bits))
                seconds = predict(cut, widths, edge, CLOUD, LINKS[link]).latency_s
                assert floor <= seconds * (1 + 1e-12)


def test_the_floor_is_the_fastest_width_s_where_nothing_crosses():
    """At 8 bits the layer computes 10 times as fast as at 4: 10,000 products at 1e6 a second."""
    fast = replace(
        EDGE, peak_macs_per_s={4: 1e5, 8: 1e6}, bandwidth_bytes_per_s=1e9, dispatch_s=0.0
    )
    graph = chain([4, 4], weight=4)
    one = replace(graph.layers[0], gemms=(Gemm(1, 100, 100),))
    problem = problem_of(replace(graph, layers=(one,)))
    costs = problem.distortions | {("x", "activation", 4): problem.distortions["c0", "weight", 4]}
    problem = replace(problem, distortions=costs, edge=fast, widths=(4, 8), input_bits=4)
    assert latency_floor(problem, "slow") == pytest.approx(0.01)


@pytest.mark.parametrize("seed", range(60))
def test_every_cut_is_a_prefix_of_one_order_and_keeps_its_own(seed):
    graph = random_graph(random.Random(seed))
    cuts = ideals(graph).cuts
    covered = []
    for order, lengths in orders(graph, cuts):
        for n in lengths:
            cut, own = order.prefix(n), graph.cut(order.prefix(n).edge)
            assert cut.edge == own.edge
            assert set(cut.crossing) == set(own.crossing)
            bits = dict.fromkeys(cut.edge_tensors, 5)
            assert peak_bytes(cut, bits) == peak_bytes(own, bits)
            assert len(cut.weights) == len(own.weights)
            covered.append(cut.edge)
    assert sorted(covered) == sorted(cut.edge for cut in cuts)


def test_a_shared_weight_goes_to_its_first_reader_in_the_order():
    a = Layer("a", "conv", ("x",), ((4,),), (4,), weight_elements=3, weight_owner="a")
    b = Layer("b", "conv", ("x",), ((4,),), (4,), weight_elements=3, weight_owner="a")
    graph = Graph("shared", {"x": (4,)}, (a, b), ("a", "b"))
    problem = problem_of(graph)
    (_, _), (order, lengths) = orders(graph, [graph.cut(["a"]), graph.cut(["b"])])
    assert lengths == (1,)
    assert order.prefix(1).weights == ("b",)
    table = reordered(problem, order).distortions
    assert table["b", "weight", 4] == problem.distortions["a", "weight", 4]
