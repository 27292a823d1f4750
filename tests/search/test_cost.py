"""A plan's costs by hand, and the least distortion of an edge half by trying all widths."""

from dataclasses import replace

import pytest
from brute import every_plan, small_problem
from builders import LINKS, diamond, distortions, falling, table_device

from autosplit.search.cost import distortion_floor, make_plan
from autosplit.search.problem import Problem

SECONDS = {"a": 1.0, "b": 2.0, "add": 4.0, "out": 8.0}


@pytest.fixture(scope="module")
def problem():
    graph = diamond()
    table = distortions(graph, falling)
    edge = cloud = table_device(SECONDS)
    return Problem(graph, table, edge, replace(cloud, name="cloud"), LINKS, None, (2, 4, 8))


def plan_of(problem, length, **options):
    cut = problem.graph.prefix(length)
    widths = problem.uniform(cut, 4)
    return make_plan(problem, cut, *widths, **{"name": "p", "method": "m", **options})


def test_a_plan_adds_up_what_stands_on_the_edge(problem):
    """Layers a and b at 4 bits.

    Distortion: the input at 8 bits, two weights and two outputs at 4: 4^-8 + 4 * 4^-4.
    Seconds: 1 + 2 on the edge, 4 + 8 in the cloud.  Both a and b cross, for add reads both;
    half of the round trip is 0.25 s.
    """
    plan = plan_of(problem, 2, lower_bound=0.0)
    seconds = plan.predictions["slow"]

    assert plan.distortion == pytest.approx(4.0**-8 + 4 * 4.0**-4)
    assert (seconds.edge_s, seconds.cloud_s) == (3.0, 12.0)
    assert plan.crossing_bytes == (20 + 30) // 2
    assert seconds.transfer_s == pytest.approx(0.25 + 8 * 25 / 40)
    assert plan.edge == ("a", "b")


def test_memory_is_the_weights_the_parameters_in_float_and_the_largest_live_set(problem):
    """While b runs, a (10 bytes) and b (15) are live; weights 50 + 25 bytes and 2 floats."""
    assert plan_of(problem, 2, lower_bound=0.0).edge_memory_bytes == 50 + 25 + 2 * 4 + 25


def test_what_is_said_to_be_sent_takes_the_place_of_the_packed_tensors(problem):
    plan = plan_of(problem, 2, lower_bound=0.0, sent_bytes=7)

    assert plan.crossing_bytes == 7
    assert plan.predictions["slow"].transfer_s == pytest.approx(0.25 + 8 * 7 / 40)


def test_a_bound_is_never_above_the_distortion_and_rounding_is_no_gap(problem):
    distortion = plan_of(problem, 2, lower_bound=0.0).distortion
    bounds = [distortion * factor for factor in (2, 1 + 1e-13, 1 - 1e-13, 0.9)]
    found = [plan_of(problem, 2, lower_bound=bound).lower_bound for bound in bounds]

    assert found == [distortion] * 3 + [bounds[3]]


def test_the_cloud_half_has_the_width_that_is_asked_for(problem):
    assert plan_of(problem, 2, lower_bound=0.0).cloud_bits == 32
    assert plan_of(problem, 2, lower_bound=0.0, cloud_bits=8).cloud_bits == 8


@pytest.mark.parametrize("seed", range(5))
def test_the_floor_is_the_least_distortion_without_a_memory_limit(seed):
    problem = replace(small_problem(seed, 5), memory_bytes=10**9)
    least = {}
    for cut, weights, tensors in every_plan(problem):
        found = problem.distortion_of(weights, tensors)
        least[cut.edge] = min(found, least.get(cut.edge, found))

    for edge, distortion in least.items():
        cut = problem.graph.cut(edge)
        assert distortion_floor(problem, cut) == pytest.approx(distortion, rel=1e-12)
        only_two = distortion_floor(problem, cut, (2,))
        assert only_two == pytest.approx(problem.distortion_of(*problem.uniform(cut, 2)))
