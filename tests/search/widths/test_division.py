"""The memory shared between weights and activations, against trying every choice of widths."""

from dataclasses import replace

import numpy as np
import pytest
from brute import (
    fronts,
    has_room,
    problems,
    steady_device,
)
from builders import (
    CLOUD,
    INTEGERS,
    LINKS,
    chain_problem,
    distortions,
    falling,
)
from hypothesis import given, settings
from scipy.optimize import Bounds, LinearConstraint, milp

from autosplit.errors import InfeasibleError
from autosplit.graph.graph import Graph
from autosplit.graph.layer import Layer
from autosplit.graph.memory import crossing_bytes, edge_memory_bytes, packed_bytes
from autosplit.hardware.device import OF_DEVICE
from autosplit.search.front.front import integer_front
from autosplit.search.methods import search
from autosplit.search.problem import Problem
from autosplit.search.widths import bucket_elimination, division
from autosplit.search.widths.division import divide
from autosplit.stats.stats import Distortion


def halves(problem):
    """What ``divide`` found, by length: [(bytes sent, distortion, bound)]."""
    got, found = divide(problem), {}
    for m, length in enumerate(got.lengths.tolist()):
        cut = problem.graph.prefix(length)
        tensors = dict.fromkeys(problem.graph.inputs, problem.input_bits)
        tensors |= {name: problem.usable[got.outputs[m, i]] for i, name in enumerate(cut.edge)}
        rank = problem.graph.rank
        weights = {name: problem.usable[got.weights[m, rank[name]]] for name in cut.weights}
        assert not cut.edge or problem.fits(edge_memory_bytes(cut, weights, tensors))
        assert problem.distortion_of(weights, tensors) == pytest.approx(
            got.distortion[m], abs=1e-12
        )
        row = (crossing_bytes(cut, tensors), got.distortion[m], got.lower[m])
        found.setdefault(length, []).append(row)
    return found


@settings(max_examples=150, deadline=None)
@given(problems(most=3))
def test_every_cut_has_the_least_distortion_of_all_widths_that_fit(problem):
    expected, got = fronts(problem), halves(problem)

    assert got.keys() == expected.keys()
    for length, front in expected.items():
        assert [row[0] for row in got[length]] == [sent for sent, _ in front]
        for (_, distortion, lower), (_, best) in zip(got[length], front, strict=True):
            assert distortion == pytest.approx(best, abs=1e-12)
            assert lower == pytest.approx(best, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(problems(most=4, widths=(2, 8)))
def test_four_layers_at_two_widths_are_solved_too(problem):
    expected, got = fronts(problem), halves(problem)

    for length, front in expected.items():
        for (_, distortion, lower), (_, best) in zip(got[length], front, strict=True):
            assert (distortion, lower) == (pytest.approx(best, abs=1e-12),) * 2


@pytest.mark.parametrize("cells", [1, 200])
@settings(max_examples=60, deadline=None)
@given(problem=problems(most=4, widths=(2, 8)))
def test_crowded_live_sets_are_bounded_from_both_sides(problem, cells):
    expected = fronts(problem)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bucket_elimination, "_MOST_CELLS", cells)
        got = halves(problem)
        made = integer_front(problem) if has_room(problem) else []

    for length, front in expected.items():
        for sent, distortion, lower in got[length]:
            best = min(value for bytes_sent, value in front if bytes_sent <= sent)
            assert lower - 1e-12 <= best <= distortion + 1e-12
    for plan in made:
        front = expected[len(plan.edge)]
        best = min(value for bytes_sent, value in front if bytes_sent <= plan.crossing_bytes)
        assert plan.lower_bound - 1e-12 <= best <= plan.distortion + 1e-12


@pytest.mark.parametrize(
    ("memory_bytes", "longest"),
    [
        # A layer takes ceil(16 * 2 / 8) = 4 bytes of weights; live are x (8) and c0 (2), later
        # two of 2 bytes each, so the peak is 10.
        (13, None),
        (14, 1),
        (17, 1),
        (18, 2),
        (21, 2),
        (22, 3),
    ],
)
def test_one_more_layer_fits_exactly_where_its_bytes_do(memory_bytes, longest):
    problem = chain_problem(memory_bytes)
    if longest is None:
        with pytest.raises(InfeasibleError, match="needs 14 bytes, the limit is 13; allow"):
            search(problem)
        return
    assert divide(problem).lengths.max() == longest


def test_the_limit_is_the_device_s_own_unless_given():
    own = replace(INTEGERS, memory_bytes=17)
    assert divide(chain_problem(OF_DEVICE, edge=own)).lengths.max() == 1
    assert divide(chain_problem(18, edge=own)).lengths.max() == 2


def test_distortion_never_rises_with_memory():
    found = [divide(chain_problem(limit)) for limit in range(14, 60)]
    last = [np.inf] * 4
    for halves_found in found:
        least = [
            halves_found.distortion[halves_found.lengths == length].min(initial=np.inf)
            for length in range(4)
        ]
        assert all(now <= before for now, before in zip(least, last, strict=True))
        last = least


def residual(seed, layers=14):
    """A chain with skips whose sizes have nothing in common; each layer also reads two before."""
    rng = np.random.default_rng(seed)
    shapes, made = {"x": (3001,)}, []
    for i in range(layers):
        reads = tuple(name for name in (f"l{i - 1}", f"l{i - 3}") if name in shapes) or ("x",)
        shapes[f"l{i}"] = (int(rng.integers(2000, 9000)),)
        weight = int(rng.integers(1000, 9000))
        sizes = tuple(shapes[tensor] for tensor in reads)
        made.append(
            Layer(f"l{i}", "conv", reads, sizes, shapes[f"l{i}"], weight, weight_owner=f"l{i}")
        )
    graph = Graph("residual", {"x": shapes["x"]}, tuple(made), (made[-1].name,))
    noise = {key: rng.normal() for key in distortions(graph, falling)}
    table = {k: Distortion(0.0, 4.0 ** -k[2] * np.exp(e)) for k, e in noise.items()}
    return Problem(graph, table, steady_device(graph), CLOUD, LINKS)


def by_milp(problem):
    """All-edge optimum: one width per tensor; weights and each live set fit together."""
    cut, usable = problem.graph.prefix(len(problem.graph.layers)), problem.usable
    tensors = [("weight", name) for name in cut.weights] + [("activation", n) for n in cut.edge]
    distortion = np.array(
        [[problem.distortions[n, r, b].distortion for b in usable] for r, n in tensors]
    )
    elements = [
        problem.graph.by_name[name].weight_elements
        if role == "weight"
        else problem.graph.elements(name)
        for role, name in tensors
    ]
    size = np.array([[packed_bytes(count, bits) for bits in usable] for count in elements])
    given = packed_bytes(problem.graph.elements("x"), problem.input_bits)
    rows, room = [], []
    for live in cut.live:
        here = [role == "weight" or name in live for role, name in tensors]
        rows.append((size * np.array(here)[:, None]).ravel())
        room.append(problem.memory_bytes - (given if "x" in live else 0))
    one_each = np.kron(np.eye(len(tensors)), np.ones(len(usable)))
    scale = 1e6 / distortion.min(axis=1).sum()  # its absolute gap is 1e-6
    found = milp(
        distortion.ravel() * scale,
        integrality=np.ones(distortion.size),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(one_each, 1, 1),
            LinearConstraint(np.array(rows), -np.inf, np.array(room)),
        ],
        options={"mip_rel_gap": 0},
    )
    assert found.success
    chosen = found.x.reshape(distortion.shape).argmax(axis=1)
    return distortion[np.arange(len(tensors)), chosen].sum() + problem.distortion_of({}, {"x": 8})


@pytest.mark.parametrize("memory_bytes", [40_000, 50_000, 60_000, 70_000])
@pytest.mark.parametrize("seed", range(2))
def test_milp_agrees_on_the_joint_problem(seed, memory_bytes):
    found = divide(replace(residual(seed), memory_bytes=memory_bytes))

    whole = found.lengths == 14
    best = by_milp(replace(residual(seed), memory_bytes=memory_bytes))
    assert found.distortion[whole].min() == pytest.approx(best, rel=1e-9)
    assert found.lower[whole].min() == pytest.approx(best, rel=1e-9)


def test_the_shares_are_refined_until_every_cut_is_proven(monkeypatch):
    problem = replace(residual(0), memory_bytes=50_000)
    found = divide(problem)
    assert found.lower == pytest.approx(found.distortion, rel=1e-9)

    monkeypatch.setattr(division, "MOST_ROUNDS", 1)
    rough = divide(problem)
    assert (rough.lower < rough.distortion * (1 - 1e-6)).any()
    assert all(
        found.distortion[found.lengths == n].min() <= rough.distortion[rough.lengths == n].min()
        for n in range(15)
    )
