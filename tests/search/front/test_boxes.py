"""The least distortion of a box, against trying everything in it."""

import numpy as np
import pytest
from brute import coded_problem, coding_s, every_plan, small_problem

from autosplit.graph.memory import sent_bytes
from autosplit.hardware.prediction import PlanWidths, predict
from autosplit.search.front import boxes as module
from autosplit.search.front.boxes import BoxProgram
from autosplit.search.widths.edge_seconds import EdgeSeconds
from autosplit.search.widths.pool import Picked, PoolCosts


def plans_of(problem, length):
    """Bytes of outputs sent, seconds on the edge and of coding, distortion: all plans that fit."""
    found = []
    for cut, weights, tensors in every_plan(problem):
        if len(cut.edge) == length:
            link = problem.links["fast"]
            widths = PlanWidths(weights, tensors)
            edge_s = predict(cut, widths, problem.edge, problem.cloud, link).edge_s
            sent = sum(
                sent_bytes(problem.graph, name, tensors[name], problem.coded)
                for name in cut.crossing
                if name not in problem.graph.inputs
            )
            edge_s += coding_s(problem, cut.crossing, tensors)
            found.append((sent, edge_s, problem.distortion_of(weights, tensors)))
    return np.array(found)


@pytest.mark.parametrize("core", [0, module.CORE])
@pytest.mark.parametrize("make", [small_problem, coded_problem])
@pytest.mark.parametrize("seed", range(7000, 7012))
def test_nothing_in_a_box_has_less_and_what_is_found_has_that(seed, make, core, monkeypatch):
    """Bytes on the wire are those of the coding, which are fewer than in memory."""
    monkeypatch.setattr(module, "CORE", core)
    monkeypatch.setattr(module, "_WORTH", 1.0)
    problem = make(seed, 5)
    costs = PoolCosts(problem, EdgeSeconds(problem))
    length = 1 + seed % len(problem.graph.layers)
    every = plans_of(problem, length)
    if not len(every):
        return
    program = BoxProgram(costs, length, int(every[:, 0].max()), float(every[:, 1].max()))
    rng = np.random.default_rng(seed)
    for sent, edge_s, distortion in every[rng.choice(len(every), min(8, len(every)), False)]:
        inside = (every[:, 0] <= sent) & (every[:, 1] <= edge_s * (1 + 1e-12))
        least = every[inside, 2].min()
        chosen, lower = program.solve(int(sent), edge_s, distortion - costs.input_distortion)

        assert lower + costs.input_distortion == pytest.approx(least, rel=1e-8)
        if chosen is not None:
            pool = costs.pool([program.model.picked(chosen)])
            assert pool.distortion[0] == pytest.approx(least, rel=1e-8)
            assert pool.sent[0] <= sent
            assert pool.edge_s[0] <= edge_s * (1 + 1e-8)
        else:
            assert distortion == pytest.approx(least, rel=1e-8)


@pytest.mark.parametrize("make", [small_problem, coded_problem])
@pytest.mark.parametrize("seed", range(7000, 7004))
def test_the_bytes_of_a_box_bound_it_to_the_byte(seed, make):
    """All seconds are allowed, so the bytes on the wire alone decide what is in the box."""
    problem = make(seed, 5)
    costs = PoolCosts(problem, EdgeSeconds(problem))
    for length in range(1, len(problem.graph.layers)):
        every = plans_of(problem, length)
        if not len(every):
            continue
        sizes, most_s = np.unique(every[:, 0]), float(every[:, 1].max())
        program = BoxProgram(costs, length, int(sizes[-1]), most_s)
        for sent in sizes[:: max(1, len(sizes) // 5)]:
            inside = every[every[:, 0] <= sent, 2]
            known = float(inside.max()) - costs.input_distortion
            chosen, lower = program.solve(int(sent), most_s, known)

            assert lower + costs.input_distortion == pytest.approx(inside.min(), rel=1e-8)
            if chosen is not None:
                assert costs.pool([program.model.picked(chosen)]).sent[0] <= sent


def every_choice(problem, costs, length):
    """All choices of one cut that fit, and what they cost."""
    rank, widths = problem.graph.rank, []
    for cut, weights, tensors in every_plan(problem):
        if len(cut.edge) == length:
            chosen = np.zeros((2, len(problem.graph.layers)), dtype=np.intp)
            for role, bits_of in enumerate((weights, tensors)):
                for name, bits in bits_of.items():
                    if name in rank:
                        chosen[role, rank[name]] = problem.usable.index(bits)
            widths.append(chosen)
    chosen = np.array(widths, dtype=np.intp).reshape(-1, 2, len(problem.graph.layers))
    return costs.pool([Picked(np.full(len(chosen), length), chosen[:, 0], chosen[:, 1])])


@pytest.mark.parametrize("make", [small_problem, coded_problem])
@pytest.mark.parametrize("seed", range(7020, 7030))
def test_the_duals_of_any_box_bound_every_box_and_each_choice_in_it(seed, make):
    """Whatever is in a box has at least the bound and what each of its own choices adds to it."""
    problem = make(seed, 5)
    costs = PoolCosts(problem, EdgeSeconds(problem))
    length = 1 + seed % len(problem.graph.layers)
    pool = every_choice(problem, costs, length)
    if not len(pool.lengths):
        return
    program = BoxProgram(costs, length, int(pool.sent.max()), float(pool.edge_s.max()))
    distortion = pool.distortion - costs.input_distortion
    rng = np.random.default_rng(seed)
    for m in rng.choice(len(distortion), min(12, len(distortion)), False):
        sent, edge_s, known = int(pool.sent[m]), float(pool.edge_s[m]), float(distortion[m])
        bounded = program._bounded(sent, edge_s, known)
        inside = np.flatnonzero((pool.sent <= sent) & (pool.edge_s <= edge_s * (1 + 1e-12)))

        for one in inside:
            picked = Picked(pool.lengths[[one]], pool.weights[[one]], pool.outputs[[one]])
            chosen = program.model.chosen(picked)
            places = np.arange(len(chosen)) * program.model.widths + chosen
            slack = 1e-8 * distortion.max()
            assert (bounded.lower + bounded.added[places] <= distortion[one] + slack).all()
            assert bounded.lower + bounded.reduced[places].sum() <= distortion[one] + slack


def test_the_bound_of_a_box_is_the_least_of_each_tensor_less_what_the_limits_are_worth():
    """By hand: 1 + 2, and 0.5, less 4 bytes at 0.1 and 0.25 s at 2; without the 1 it is 3 + 2."""
    duals = module._Duals(np.array([[1.0, 3.0], [2.0, 2.5]]), 0.5, 0.1, 2.0)

    bound, added = duals.bound(4, 0.25, np.zeros(4, dtype=np.bool_))
    assert bound == pytest.approx(2.6)
    assert added.tolist() == [0.0, 2.0, 0.0, 0.5]

    bound, added = duals.bound(4, 0.25, np.array([True, False, False, False]))
    assert bound == pytest.approx(4.6)
    assert added.tolist() == [np.inf, 0.0, 0.0, 0.5]
