"""The front in integers, against every plan there is."""

import numpy as np
import pytest
from brute import (
    every_plan,
    everything,
    has_room,
    problems,
    small_problem,
    steady_device,
)
from builders import (
    CLOUD,
    LINKS,
    chain,
    chain_problem,
)
from hypothesis import given, settings

from autosplit.graph.memory import packed_bytes
from autosplit.hardware.prediction import PlanWidths, predict
from autosplit.search.front import enumerate as enumeration
from autosplit.search.front import front as fronts
from autosplit.search.front.front import integer_front
from autosplit.search.methods import search
from autosplit.search.widths.edge_seconds import EdgeSeconds
from autosplit.search.widths.pool import Picked, PoolCosts


@settings(max_examples=100, deadline=None)
@given(problems(most=3))
def test_the_front_is_the_front_of_all_plans_where_widths_change_no_seconds(problem):
    if not has_room(problem):
        return
    plans = search(problem, ["autosplit"])

    for name, link in LINKS.items():
        costs = [(p.predictions[name].latency_s, p.distortion) for p in plans]
        for cut, weights, tensors in every_plan(problem):
            widths = PlanWidths(weights, tensors)
            seconds = predict(cut, widths, problem.edge, CLOUD, link).latency_s
            distortion = problem.distortion_of(weights, tensors)
            assert any(s <= seconds + 1e-9 and d <= distortion + 1e-9 for s, d in costs)


def test_no_limit_takes_the_widest_where_widths_change_no_seconds():
    plans = integer_front(chain_problem(edge=steady_device(chain([8] * 4))))
    inside = [p for p in plans if len(p.edge) == 3]
    assert {bits for p in inside for bits in p.weight_bits.values()} <= {8}


def test_names_say_cut_and_place():
    plans = search(chain_problem(), ["autosplit"])
    assert plans[0].name == "cut000-00"
    for length in range(4):
        mine = [p for p in plans if len(p.edge) == length]
        assert [p.name for p in mine] == [f"cut{length:03d}-{i:02d}" for i in range(len(mine))]
        assert [p.distortion for p in mine] == sorted(p.distortion for p in mine)


@pytest.mark.parametrize("first", range(3000, 3040, 10))
def test_bounds_hold_where_nothing_is_enumerated(first, monkeypatch):
    """Of each plan's cut, nothing that sends and computes no more has less than the bound."""
    monkeypatch.setattr(enumeration, "MOST_LABELS", 0)
    for seed in range(first, first + 10):
        problem = small_problem(seed, 7)
        for plan in integer_front(problem):
            cut = problem.graph.cut(plan.edge)
            latency, distortion, grid, names = everything(problem, cut, "fast")
            sent = sum(
                (
                    np.array([packed_bytes(problem.graph.elements(n), b) for b in problem.usable])[
                        grid[i]
                    ]
                    for i, (role, n) in enumerate(names)
                    if role == "activation" and n in cut.crossing
                ),
                np.zeros(len(distortion), dtype=int),
            )
            mine = sum(
                packed_bytes(problem.graph.elements(n), plan.activation_bits[n])
                for n in cut.crossing
                if n not in problem.graph.inputs
            )
            here = latency - 8 * sent / LINKS["fast"].uplink_bps
            own = plan.predictions["fast"].latency_s - 8 * mine / LINKS["fast"].uplink_bps
            rivals = distortion[(sent <= mine) & (here <= own * (1 + 1e-12))]
            assert plan.lower_bound <= rivals.min() * (1 + 1e-9)


def test_dropping_beaten_candidates_at_once_leaves_the_front_as_it_is(monkeypatch):
    """The kept candidates are those of a pool from which nothing was dropped on the way."""
    monkeypatch.setattr(enumeration, "MOST_LABELS", 0)
    problem = chain_problem(60)
    thin = integer_front(problem)
    assert len(thin) > 2
    monkeypatch.setattr(fronts, "_joined", fronts._all_of)
    monkeypatch.setattr(fronts, "_BLOCK", 1)
    assert integer_front(problem) == thin


@pytest.mark.parametrize("beaten", [False, True])
def test_a_width_of_a_candidate_takes_one_byte(beaten, monkeypatch):
    monkeypatch.setattr(enumeration, "MOST_LABELS", 0)
    problem = chain_problem(20)
    pool, _ = fronts.candidates(PoolCosts(problem, EdgeSeconds(problem)), beaten=beaten)

    assert pool.weights.nbytes == pool.outputs.nbytes == pool.weights.size > 0


@pytest.mark.parametrize("block", [1, 1 << 21])
def test_bytes_of_edge_halves_that_are_priced_some_cuts_at_a_time_are_their_own(monkeypatch, block):
    """Each edge half has the bytes that its crossing tensor packs into, in any order of cuts."""
    problem = chain_problem(sizes=(8, *range(20, 32)))
    rng = np.random.default_rng(0)
    lengths = rng.permutation(np.repeat(np.arange(1, 13), 3))
    names = [layer.name for layer in problem.graph.layers]
    inside = np.arange(12) < lengths[:, None]
    outputs = np.where(inside, rng.integers(0, len(problem.widths), inside.shape), 0)
    monkeypatch.setattr(fronts, "_BLOCK", block)

    costs = PoolCosts(problem, EdgeSeconds(problem))
    _, sent = fronts._thinned_halves(costs, Picked(lengths, outputs, outputs))

    packed = [
        packed_bytes(
            problem.graph.elements(names[length - 1]), problem.widths[outputs[half, length - 1]]
        )
        if length < 12
        else 0
        for half, length in enumerate(lengths)
    ]
    assert len(set(packed)) > 5
    assert sent.tolist() == packed
