"""A measured table whose seconds depend on both widths of a layer: every answer against all plans.

Of two widths the narrower one may take longer, as on processors that have no kernel for it.
"""

import itertools
import math

import numpy as np
import pytest
from brute import every_plan
from builders import CLOUD, LINKS, chain, distortions

from autosplit.hardware.device import Device
from autosplit.hardware.prediction import PlanWidths, predict
from autosplit.search.front import enumerate as enumeration
from autosplit.search.problem import Problem
from autosplit.search.questions.questions import least_distortion, least_latency
from autosplit.search.widths.edge_seconds import EdgeSeconds

WIDTHS = (2, 4, 8)


def pair_problem(seed, memory_bytes=None, layers=2):
    """A chain on a device with random seconds for every pair of widths of every layer."""
    rng = np.random.default_rng(seed)
    graph = chain([8] * (layers + 1), 16)
    table = {
        layer.name: {
            pair: float(rng.integers(1, 9)) / 8 for pair in itertools.product(WIDTHS, repeat=2)
        }
        for layer in graph.layers
    }
    edge = Device(name="pairs", source="test", model="table", float_bits=32, table=table)
    costs = distortions(graph, lambda _: float(rng.integers(0, 64)) / 64)
    return Problem(graph, costs, edge, CLOUD, LINKS, memory_bytes, WIDTHS)


def points(problem, link):
    """Latency and distortion of every plan there is."""
    for cut, weights, tensors in every_plan(problem):
        widths = PlanWidths(weights, tensors)
        seconds = predict(cut, widths, problem.edge, problem.cloud, problem.links[link])
        yield seconds.latency_s, problem.distortion_of(weights, tensors)


def check(problem, link):
    """Both questions have the optimum at every limit that a plan sets."""
    every = list(points(problem, link))
    for limit, _ in every[:: max(1, len(every) // 12)]:
        best = min(distortion for latency, distortion in every if latency <= limit * (1 + 1e-9))
        found = least_distortion(problem, link, limit * (1 + 1e-9))
        assert found.value == pytest.approx(best, abs=1e-12)
        assert found.lower_bound <= found.value + 1e-9
    for _, limit in every[:: max(1, len(every) // 12)]:
        best = min(latency for latency, distortion in every if distortion <= limit + 1e-12)
        found = least_latency(problem, link, limit + 1e-12)
        assert found.value == pytest.approx(best)
        assert found.lower_bound <= best * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("memory_bytes", [None, 24])
def test_answers_are_optimal_where_seconds_depend_on_the_pair(seed, memory_bytes):
    for link in ("slow", "fast"):
        check(pair_problem(seed, memory_bytes), link)


@pytest.mark.parametrize("seed", range(4))
def test_programs_are_exact_where_seconds_depend_on_the_pair(seed, monkeypatch):
    monkeypatch.setattr(enumeration, "MOST_LABELS", 0)
    check(pair_problem(seed), "slow")


def test_seconds_of_many_choices_are_those_of_the_device():
    problem = pair_problem(7, layers=3)
    seconds = EdgeSeconds(problem)
    size = len(problem.usable)
    rows = np.array(list(itertools.product(range(size), repeat=6)))
    weights, outputs = rows[:, :3], rows[:, 3:]

    got = seconds.of(weights, outputs, np.full(len(rows), 3))

    for row, one in zip(rows[::29], got[::29], strict=True):
        widths = [problem.usable[i] for i in row]
        pairs = zip(widths[:3], [problem.input_bits, *widths[3:5]], strict=True)
        table = problem.edge.table
        by_hand = [table[f"c{i}"][pair] for i, pair in enumerate(pairs)]
        assert one == pytest.approx(math.fsum(by_hand))
