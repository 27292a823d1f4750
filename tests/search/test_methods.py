import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from chains import CLOUD, LINKS, ROOFLINE, chain, chain_problem, distortions, everything
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from autosplit.errors import DataError, InfeasibleError, PlanError
from autosplit.graph.graph import Graph
from autosplit.graph.layer import Gemm, Layer
from autosplit.graph.memory import crossing_bytes, edge_memory_bytes, packed_bytes
from autosplit.hardware.device import Device
from autosplit.hardware.prediction import PlanWidths, edge_s, predict
from autosplit.search.front.front import integer_front
from autosplit.search.methods import METHODS, search
from autosplit.search.problem import Problem
from autosplit.search.widths import activations, division
from autosplit.search.widths.division import divide
from autosplit.search.widths.edge_seconds import EdgeSeconds
from autosplit.stats.stats import Distortion


def table_device(graph):
    """A device on which widths do not change the seconds."""
    seconds = {layer.name: 0.02 * (1 + i % 3) for i, layer in enumerate(graph.layers)}
    return Device(name="table", source="test", model="table", float_bits=32, table=seconds)


@st.composite
def graphs(draw, most=4):
    """Skips, several inputs to a layer, several network inputs and outputs, shared weights."""
    unit = draw(st.sampled_from([1, 997]))  # small: every byte can be tried; large: it cannot
    names = ["x", "y"][: draw(st.integers(1, 2))]
    inputs = {name: (unit * draw(st.integers(1, 9)),) for name in names}
    shapes, layers, weighted = dict(inputs), [], []
    for i in range(draw(st.integers(1, most))):
        name = f"l{i}"
        reads = draw(st.lists(st.sampled_from(sorted(shapes)), min_size=1, max_size=3, unique=True))
        weight, owner = unit * draw(st.sampled_from([0, 3, 8, 11])), name
        if weighted and draw(st.booleans()):
            owner, weight = draw(st.sampled_from(weighted))
        elif weight:
            weighted.append((name, weight))
        shapes[name] = (unit * draw(st.integers(1, 12)),)
        layers.append(
            Layer(
                name,
                "conv" if weight else "add",
                tuple(reads),
                tuple(shapes[tensor] for tensor in reads),
                shapes[name],
                weight_elements=weight,
                weight_owner=owner if weight else "",
                fixed_elements=draw(st.integers(0, 1)),
                gemms=(Gemm(1, 3, draw(st.integers(1, 9))),) if weight else (),
            )
        )
    names = [layer.name for layer in layers]
    extra = draw(st.lists(st.sampled_from(names), max_size=2, unique=True))
    outputs = tuple(dict.fromkeys([*extra, names[-1]]))
    return Graph("random", inputs, tuple(layers), outputs)


@st.composite
def problems(draw, most=4, edge=None, widths=(2, 3, 8)):
    graph = draw(graphs(most))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    steps = draw(st.sampled_from([4, 1000]))  # few: many ties
    table = distortions(graph, lambda: float(rng.integers(0, steps)) / steps)
    whole = graph.prefix(len(graph.layers))
    shell = Problem(graph, table, edge or table_device(graph), CLOUD, LINKS, None, widths)
    most_bytes = edge_memory_bytes(whole, *shell.uniform(whole, 8))
    limit = draw(st.one_of(st.none(), st.integers(0, most_bytes)))
    return replace(shell, memory_bytes=limit)


def fronts(problem):
    """For every length: [(bytes sent, least distortion of what sends no more)] by trying all."""
    found = {}
    for cut, weights, tensors in everything(problem):
        distortion = problem.distortion_of(weights, tensors)
        sent = crossing_bytes(cut, tensors)
        best = found.setdefault(len(cut.edge), {})
        best[sent] = min(best.get(sent, np.inf), distortion)
    for length, best in found.items():
        front = []
        for sent in sorted(best):
            if not front or best[sent] < front[-1][1] - 1e-12:
                front.append((sent, best[sent]))
        found[length] = front
    return found


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
        patch.setattr(activations, "_MOST_CELLS", cells)
        got = halves(problem)
        made = integer_front(problem) if problem_fits(problem) else []

    for length, front in expected.items():
        for sent, distortion, lower in got[length]:
            best = min(value for bytes_sent, value in front if bytes_sent <= sent)
            assert lower - 1e-12 <= best <= distortion + 1e-12
    for plan in made:
        front = expected[len(plan.edge)]
        best = min(value for bytes_sent, value in front if bytes_sent <= plan.crossing_bytes)
        assert plan.lower_bound - 1e-12 <= best <= plan.distortion + 1e-12


def problem_fits(problem):
    try:
        problem.check_feasible()
    except InfeasibleError:
        return False
    return True


@settings(max_examples=100, deadline=None)
@given(problems(most=3))
def test_the_front_is_the_front_of_all_plans_where_widths_change_no_seconds(problem):
    if not problem_fits(problem):
        return
    plans = search(problem, ["autosplit"])

    for name, link in LINKS.items():
        costs = [(p.predictions[name].latency_s, p.distortion) for p in plans]
        for cut, weights, tensors in everything(problem):
            widths = PlanWidths(weights, tensors)
            seconds = predict(cut, widths, problem.edge, CLOUD, link).latency_s
            distortion = problem.distortion_of(weights, tensors)
            assert any(s <= seconds + 1e-9 and d <= distortion + 1e-9 for s, d in costs)


@settings(max_examples=60, deadline=None)
@given(problems(most=4, edge=ROOFLINE))
def test_every_plan_of_every_method_conforms(problem):
    if not problem_fits(problem):
        return
    plans = search(problem, sorted(set(METHODS) - {"cloud8", "random"}))  # see test_baselines

    assert len({plan.name for plan in plans}) == len(plans)
    # without a JPEG and without floats on the edge there is nothing to make a plan of
    assert {plan.method for plan in plans} == set(METHODS) - {
        "cloud8",
        "random",
        "cloud-jpeg",
        "edge-float",
    }
    for plan in plans:
        cut = problem.graph.cut(plan.edge)
        widths = plan.weight_bits, plan.activation_bits
        assert tuple(plan.weight_bits) == cut.weights
        assert set(plan.activation_bits) == set(cut.edge_tensors)
        assert plan.distortion == problem.distortion_of(*widths)
        assert plan.lower_bound <= plan.distortion
        assert plan.edge_memory_bytes == edge_memory_bytes(cut, *widths)
        assert plan.crossing_bytes == crossing_bytes(cut, plan.activation_bits)
        for name, link in LINKS.items():
            expected = predict(cut, PlanWidths(*widths), problem.edge, CLOUD, link)
            assert plan.predictions[name] == expected
        if plan.method == "autosplit":
            assert problem.fits(plan.edge_memory_bytes)
            assert plan.optimality_gap == 0


@settings(max_examples=100, deadline=None)
@given(problems(most=4, edge=ROOFLINE), st.integers(0, 2**32 - 1))
def test_tabulated_seconds_are_those_of_the_latency_model(problem, seed):
    rng, layers = np.random.default_rng(seed), len(problem.graph.layers)
    lengths = rng.integers(0, layers + 1, 5)
    weights, outputs = rng.integers(0, len(problem.usable), (2, 5, layers))

    got = EdgeSeconds(problem).of(weights, outputs, lengths)

    rank = problem.graph.rank
    for m, length in enumerate(lengths.tolist()):
        cut = problem.graph.prefix(length)
        tensors = dict.fromkeys(problem.graph.inputs, problem.input_bits)
        tensors |= {name: problem.usable[outputs[m, rank[name]]] for name in cut.edge}
        chosen = {name: problem.usable[weights[m, rank[name]]] for name in cut.weights}
        assert got[m] == pytest.approx(edge_s(cut, problem.edge, chosen, tensors), rel=1e-12)


def test_what_is_forgotten_still_takes_its_narrowest_bytes(monkeypatch):
    """Two tensors of 8 elements live together: 1 byte each at 1 bit, and no less."""
    monkeypatch.setattr(activations, "_MOST_CELLS", 1)
    size = np.array([[1, 8], [1, 8]])
    ends = np.array([1, 1])
    both = activations.LiveOutputs(
        np.array([[4.0, 1.0], [2.0, 0.0]]), size, ends, ends, np.zeros(2, int)
    )

    *_, last = activations.BucketElimination(both, np.array([1, 2, 9]), "relax").tables()

    assert last.least.min(axis=1).tolist() == [np.inf, 4.0 + 2.0, 1.0 + 0.0]
    assert not last.exact


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
    own = replace(ROOFLINE, memory_bytes=17)
    assert divide(chain_problem(edge=own)).lengths.max() == 1
    assert divide(chain_problem(18, edge=own)).lengths.max() == 2


def test_a_device_too_small_for_one_bit_names_need_and_limit():
    # 16 weights at 1 bit take 2 bytes; live are x (8 bytes) and c0 (1 byte).
    with pytest.raises(InfeasibleError, match=r"c0 at 1 bit, needs 11 bytes, the limit is 10$"):
        search(chain_problem(10))


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


def test_no_limit_takes_the_widest_where_widths_change_no_seconds():
    plans = integer_front(chain_problem(edge=table_device(chain())))
    inside = [p for p in plans if len(p.edge) == 3]
    assert {bits for p in inside for bits in p.weight_bits.values()} <= {8}


def test_names_say_cut_and_place():
    plans = search(chain_problem(), ["autosplit"])
    assert plans[0].name == "cut000-00"
    for length in range(4):
        mine = [p for p in plans if len(p.edge) == length]
        assert [p.name for p in mine] == [f"cut{length:03d}-{i:02d}" for i in range(len(mine))]
        assert [p.distortion for p in mine] == sorted(p.distortion for p in mine)


def test_baselines_say_what_they_are_even_if_they_do_not_fit():
    plans = {plan.name: plan for plan in search(chain_problem(14))}
    for bits in (2, 4, 6, 8):
        plan = plans[f"uniform{bits}"]
        # 3 x 16 weights and the peak: x (8 bytes, 8 elements at 8 bits) beside c0 (8 elements).
        assert plan.edge_memory_bytes == 3 * 2 * bits + max(8 + bits, 2 * bits)
        assert plan.crossing_bytes == 0
        # The input, three weights and three outputs, all at 8 bits.
        assert plan.lower_bound == pytest.approx(7 * 4.0**-8)
    assert plans["cloud16"].edge == ()
    assert plans["cloud16"].crossing_bytes == 8
    assert plans["cloud16"].distortion == plans["cloud16"].lower_bound == 4.0**-8
    assert plans["cloud16"].cloud_bits == 16


def test_only_the_asked_methods_run_in_the_order_asked():
    plans = search(chain_problem(), ["cloud16", "uniform4"])
    assert [plan.name for plan in plans] == ["cloud16", "uniform4"]


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        (["autospilt"], "unknown method 'autospilt', did you mean 'autosplit'"),
        (["cloud16", "cloud16"], "each must be listed once"),
    ],
)
def test_wrong_methods_are_refused(methods, message):
    with pytest.raises(PlanError, match=message):
        search(chain_problem(), methods)


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ({"widths": (4, 2)}, PlanError, "widths: must be ascending and from 1, 2.*got 4, 2"),
        ({"widths": (2, 9)}, PlanError, "got 2, 9"),
        ({"widths": ()}, PlanError, "got none"),
        ({"input_bits": 16}, PlanError, "input_bits: must be from 1, 2, .* got 16"),
        ({"memory_bytes": -1}, InfeasibleError, "memory_bytes: must be at least 0, got -1"),
        (
            {"edge": replace(ROOFLINE, widths=(16,))},
            InfeasibleError,
            "roofline: must support one of the widths 2, 3, 4, 5, 6, 8, supports 16",
        ),
    ],
)
def test_wrong_questions_are_refused(more, error, message):
    with pytest.raises(error, match=message):
        chain_problem(**more)


def test_a_question_without_links_is_refused():
    with pytest.raises(PlanError, match="links: must name at least one"):
        replace(chain_problem(), links={})


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
    noise = {key: rng.normal() for key in distortions(graph, lambda: 0.0)}
    table = {k: Distortion(0.0, 4.0 ** -k[2] * np.exp(e)) for k, e in noise.items()}
    return Problem(graph, table, table_device(graph), CLOUD, LINKS)


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


def test_a_device_keeps_to_its_own_widths():
    problem = chain_problem(edge=replace(ROOFLINE, widths=(4, 16)))
    assert problem.usable == (4,)
    used = {b for p in search(problem, ["autosplit"]) for b in p.weight_bits.values()}
    assert used <= {4}


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.5])
def test_distortions_must_be_numbers(value):
    problem = chain_problem()
    table = {**problem.distortions, ("c1", "weight", 4): Distortion(0.0, value)}
    with pytest.raises(DataError, match="c1: its weight distortion at 4 bits must be finite"):
        replace(problem, distortions=table)


def test_a_missing_distortion_is_named():
    problem = chain_problem()
    table = {key: one for key, one in problem.distortions.items() if key != ("c2", "activation", 7)}
    with pytest.raises(DataError, match="c2: its activation distortion at 7 bits must be measured"):
        replace(problem, distortions=table)


def test_the_hash_seed_changes_nothing():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_methods as t; "
        "print([(p.name, p.weight_bits, p.activation_bits) for p in t.search(t.chain_problem(25))])"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code, __file__.rpartition("/")[0]],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert "cut000-00" in runs[0]
