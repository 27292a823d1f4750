import itertools
import random
from dataclasses import replace

import numpy as np
import pytest
from builders import CLOUD, EDGE, LINKS, chain, distortions, falling, layer, random_problem

from autosplit.graph.graph import Graph
from autosplit.graph.memory import crossing_bytes, edge_memory_bytes, peak_bytes
from autosplit.search.baselines import original
from autosplit.search.baselines.original import autosplit2021, candidate_cuts, priced
from autosplit.search.pareto import pareto
from autosplit.search.problem import Problem, distortion_and_bytes

WIDTHS = (2, 4, 8)


def problem_of(graph, memory_bytes=None, widths=WIDTHS):
    table = distortions(graph, falling)
    return Problem(graph, table, EDGE, CLOUD, LINKS, memory_bytes, widths)


def halves(problem, cut):
    return list(original._activations(problem, cut))


@pytest.mark.parametrize("seed", range(100))
def test_the_choice_at_a_price_is_optimal_for_the_size_it_takes(seed):
    """Everett: nothing of at most the same size is better."""
    rng = np.random.default_rng(seed)
    distortion = np.sort(rng.random((4, 3)), axis=1)[:, ::-1]
    size = rng.integers(1, 50, (4, 1)) * np.array(WIDTHS)
    budget = int(rng.integers(size[:, 0].sum(), size[:, -1].sum() + 1))
    rows = np.arange(4)

    got = priced(distortion, size, budget)

    used = size[rows, got].sum()
    assert used <= budget
    choices = map(list, itertools.product(range(3), repeat=4))
    best = min(distortion[rows, c].sum() for c in choices if size[rows, c].sum() <= used)
    assert distortion[rows, got].sum() == pytest.approx(best)


@pytest.mark.parametrize("seed", range(30))
def test_no_lower_price_fits(seed):
    """The price found is the lowest of a dense sweep that keeps the budget, or lower."""
    rng = np.random.default_rng(seed)
    distortion = np.sort(rng.random((4, 3)), axis=1)[:, ::-1]
    size = rng.integers(1, 9, (4, 1)) * np.array(WIDTHS)
    budget = int(rng.integers(size[:, 0].sum(), size[:, -1].sum() + 1))
    rows = np.arange(4)

    got = distortion[rows, priced(distortion, size, budget)].sum()

    for price in np.linspace(0, 1, 2000):
        choice = np.argmin(distortion + price * size, axis=1)
        if size[rows, choice].sum() <= budget:
            assert got <= distortion[rows, choice].sum() + 1e-12


@pytest.mark.parametrize(("budget", "width"), [(20, 2), (39, 2), (40, 4), (79, 4), (80, 8)])
def test_width_flips_exactly_at_the_budget(budget, width):
    """Ten elements: 20, 40 and 80 bits are the only sizes there are."""
    got = priced(np.array([[9.0, 4.0, 1.0]]), np.array([[20, 40, 80]]), budget)
    assert WIDTHS[got[0]] == width


def test_a_price_stops_short_of_a_budget_that_the_optimum_uses():
    """Both layers are alike, so at any price both are wide or none; half the budget is left."""
    distortion, size = np.array([[4.0, 1.0]] * 2), np.array([[2, 8]] * 2)
    assert priced(distortion, size, 10).tolist() == [0, 0]
    assert priced(distortion, size, 16).tolist() == [1, 1]


def test_prices_up_to_all_that_a_bit_can_save_are_tried():
    """The second layer turns narrow at a price of 0.8, the first only at 1."""
    assert priced(np.array([[1.0, 0.0], [0.8, 0.0]]), np.array([[1, 2]] * 2), 3).tolist() == [1, 0]


def test_what_does_not_fit_has_no_choice():
    assert priced(np.array([[1.0, 0.0]]), np.array([[2, 4]]), 1) is None
    assert priced(np.zeros((0, 2)), np.zeros((0, 2), dtype=np.int64), 0).tolist() == []
    assert priced(np.zeros((0, 2)), np.zeros((0, 2), dtype=np.int64), -1) is None


def test_candidates_send_less_than_the_input_and_the_earliest_of_equals_stays():
    """Input 8 bytes; at 2 bits: c0 8 (not less), c1 2, c2 2 (the same), c3 1, all-edge 0."""
    problem = problem_of(chain([8, 32, 8, 8, 4, 1]))
    assert [len(cut.edge) for cut in candidate_cuts(problem)] == [2, 4, 5]


def test_candidates_count_every_live_tensor():
    """After b, 1 byte of b and 8 bytes of a cross; the own output alone would be less than 8."""
    shapes = {"x": (8,), "a": (32,), "b": (4,)}
    layers = (
        layer("a", ["x"], shapes, 32),
        layer("b", ["a"], shapes, 4),
        layer("c", ["a", "b"], shapes, 1),
    )
    problem = problem_of(Graph("skip", {"x": (8,)}, layers, ("c",)))
    assert [len(cut.edge) for cut in candidate_cuts(problem)] == [3]


def test_the_three_variants_by_hand():
    """Chain 8 -> 4 -> 16 -> 4, cut after c2, all at 2 bits: peak 9 bytes while c0 runs (8 + 1).

    With c1: c0 and c1 take 1 + 4 bytes, c1 and c2 4 + 1.  So c0 keeps 2 bits, since x (8 bytes)
    fills the peak beside it, and c1 may take 4 bits, 8 bytes: 1 + 8 = 9.
    """
    problem = problem_of(chain([8, 4, 16, 4, 1]))
    cut = problem.graph.prefix(3)
    eight, raised, raw = halves(problem, cut)[:3]
    assert raw == {"c0": 2, "c1": 2, "c2": 2}
    assert eight == {"c0": 8, "c1": 8, "c2": 2}
    assert raised == {"c0": 2, "c1": 4, "c2": 2}


@pytest.mark.parametrize("seed", range(60))
def test_raising_keeps_the_peak_and_what_crosses_and_leaves_no_room(seed):
    problem = replace(random_problem(random.Random(seed)), widths=WIDTHS)
    inputs = dict.fromkeys(problem.graph.inputs, problem.input_bits)
    for length in range(1, len(problem.graph.layers) + 1):
        cut = problem.graph.prefix(length)
        _, size = distortion_and_bytes(problem, cut.edge, "activation")
        raw = np.zeros(length, dtype=np.intp)
        got = original._raised(problem, cut, raw, size)
        before = {**inputs, **dict.fromkeys(cut.edge, WIDTHS[0])}
        after = {**inputs, **{n: WIDTHS[i] for n, i in zip(cut.edge, got, strict=True)}}

        peak = peak_bytes(cut, before)
        assert peak_bytes(cut, after) == peak
        assert crossing_bytes(cut, after) == crossing_bytes(cut, before)
        for name, index in zip(cut.edge, got, strict=True):
            if name not in cut.crossing and index + 1 < len(WIDTHS):
                assert peak_bytes(cut, {**after, name: WIDTHS[index + 1]}) > peak


@pytest.mark.parametrize("average", [2, 4, 6, 8])
def test_activations_keep_their_average(average, monkeypatch):
    monkeypatch.setattr(original, "AVERAGE_BITS", (average,))
    for seed in range(20):
        problem = random_problem(random.Random(seed))
        graph = problem.graph
        raw = halves(problem, graph.prefix(len(graph.layers)))[2]
        total = sum(graph.elements(name) * bits for name, bits in raw.items())
        assert total <= average * sum(graph.elements(name) for name in raw)


def test_averages_below_the_narrowest_width_are_left_out():
    problem = problem_of(chain([8, 4, 4]), widths=(5, 8))
    assert len(halves(problem, problem.graph.prefix(2))) == 3 * 2


@pytest.mark.parametrize("seed", range(40))
def test_plans_fit_and_their_cuts_are_candidates(seed):
    rng = random.Random(seed)
    problem = random_problem(rng, memory_bytes=rng.randint(0, 60))
    cuts = {cut.edge for cut in candidate_cuts(problem)} | {()}
    plans = autosplit2021(problem)

    assert () in {plan.edge for plan in plans}
    for plan in plans:
        assert plan.edge in cuts
        assert problem.fits(plan.edge_memory_bytes)
        cut = problem.graph.cut(plan.edge)
        memory = edge_memory_bytes(cut, plan.weight_bits, plan.activation_bits)
        assert plan.edge_memory_bytes == memory


@pytest.mark.parametrize("seed", range(10))
def test_no_plan_is_beaten_on_every_link(seed):
    plans = autosplit2021(random_problem(random.Random(seed)))
    kept = set()
    for link in LINKS:
        kept |= set(pareto([(p.predictions[link].latency_s, p.distortion) for p in plans]).tolist())
    assert kept == set(range(len(plans)))


def test_weights_take_what_memory_is_left():
    """Two layers of 8 weights; 4 elements live beside 4: at most 8 bytes while c0 runs, raw 2 bits.

    All-edge at 2 bits: peak x + c0 = 4 + 1 bytes, so of 13 bytes 8 are left: 4 bits a weight.
    """
    problem = problem_of(chain([4, 4, 4], weight=8), memory_bytes=13)
    widths = {**dict.fromkeys(problem.graph.inputs, 8), "c0": 2, "c1": 2}
    cut = problem.graph.prefix(2)
    assert original._weights(problem, cut, widths) == {"c0": 4, "c1": 4}
    assert original._weights(replace(problem, memory_bytes=8), cut, widths) is None
    assert original._weights(replace(problem, memory_bytes=9), cut, widths) == {"c0": 2, "c1": 2}


def test_without_a_limit_weights_are_as_wide_as_they_may_be():
    problem = problem_of(chain([8, 8, 4], weight=8))
    inside = [plan for plan in autosplit2021(problem) if len(plan.edge) == 2]
    assert inside
    assert {bits for plan in inside for bits in plan.weight_bits.values()} == {8}
