"""The speeds of the search that ``bench.py`` prints, one function for each."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from peak import peak_bytes
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from autosplit.distortion.coded import code_tensors
from autosplit.distortion.measure import measure
from autosplit.distortion.metrics import sensitivity
from autosplit.files import read_yaml
from autosplit.runs.stages.run import STAGES
from autosplit.search.knapsack.allocate import allocate, allocate_all
from autosplit.search.methods import search
from autosplit.search.problem import distortion_and_bytes
from autosplit.stats.stats import Stats

if TYPE_CHECKING:
    from bench import Setting

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
BUDGETS = 20
MANY_BUDGETS = 256
SEVEN_WIDTHS = (2, 3, 4, 5, 6, 7, 8)
GROWTH_BUDGETS = 10
CHAINS = (100, 1_000, 10_000)
SOLVER_GAP = 1e-6
"""Absolute gap at which the solver HiGHS stops; scipy has no option for it."""


def solve_by_milp(distortion: Floats, cost: Ints, budget: int) -> float:
    """Solve the knapsack with scipy's milp at gap 0, on the same tables.

    The distortions are scaled up, so that the absolute gap of the solver is negligible.
    """
    scale = 1e-3 / SOLVER_GAP / float(distortion.min(axis=1).sum())
    layers, widths = distortion.shape
    places = np.arange(layers * widths)
    one = csr_array((np.ones(layers * widths), (places // widths, places)))
    found = milp(
        distortion.ravel() * scale,
        integrality=np.ones(layers * widths),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(one, 1, 1),
            LinearConstraint(cost.ravel()[None].astype(float), -np.inf, budget),
        ],
        options={"mip_rel_gap": 0},
    )
    assert found.success, found.message
    chosen = found.x.reshape(layers, widths).argmax(axis=1)
    return float(distortion[np.arange(layers), chosen].sum())


def budgets_of(cost: Ints, count: int) -> list[int]:
    """Budgets strictly between the least and the greatest total cost of all choices."""
    least, most = int(cost.min(axis=1).sum()), int(cost.max(axis=1).sum())
    return [int(b) for b in np.linspace(least, most, count + 2)[1:-1]]


def instance(setting: Setting) -> tuple[Floats, Ints]:
    """Distortion and bytes of every weight of resnet50 at seven widths."""
    problem = replace(setting.problem, widths=SEVEN_WIDTHS, edge=setting.any_width)
    names = [layer.name for layer in problem.graph.layers if layer.owns_weight]
    return distortion_and_bytes(problem, names, "weight")


def bench_allocate(setting: Setting) -> list[tuple[str, float, float, str]]:
    """One budget, proven optimal, against milp; the median of several budgets."""
    distortion, cost = instance(setting)
    ratios, times = [], []
    for budget in budgets_of(cost, BUDGETS):
        ours, theirs = setting.race(
            lambda budget=budget: allocate(distortion, cost, budget),
            lambda budget=budget: solve_by_milp(distortion, cost, budget),
        )
        found = allocate(distortion, cost, budget)
        assert found.gap == 0
        assert np.isclose(found.distortion, solve_by_milp(distortion, cost, budget), rtol=1e-6)
        ratios.append(ours / theirs)
        times.append((ours, theirs))
    middle = times[int(np.argsort(ratios)[len(ratios) // 2])]
    what = f"allocate / milp, {len(cost)} tensors x {cost.shape[1]} widths, median of {BUDGETS}"
    return [(what, *middle, "at most 0.2")]


def bench_allocate_all(setting: Setting) -> list[tuple[str, float, float, str]]:
    """Many budgets and every prefix in one pass against five solves by milp."""
    distortion, cost = instance(setting)
    budgets = budgets_of(cost, MANY_BUDGETS)
    middle = budgets[len(budgets) // 2]
    ours, theirs = setting.race(
        lambda: allocate_all(distortion, cost, budgets),
        lambda: [solve_by_milp(distortion, cost, middle) for _ in range(5)],
    )
    what = f"allocate_all, {MANY_BUDGETS} budgets x {len(cost)} prefixes / 5 milp solves"
    return [(what, ours, theirs, "at most 1")]


def bench_front(setting: Setting) -> list[tuple[str, float, float, str]]:
    """The Pareto front of resnet50 over 4 links within 4 MB against one float forward pass."""
    problem = replace(setting.problem, memory_bytes=4 * 2**20)
    ours, plain = setting.race(lambda: search(problem, ("autosplit",)), setting.forward)
    plans = search(problem, ("autosplit",))
    what = (
        f"front of resnet50, all cuts, {len(problem.links)} links, 4 MB ({len(plans)} plans) / "
        f"forward pass over {setting.images} images"
    )
    return [(what, ours, plain, "under 3")]


def bench_coded(setting: Setting) -> list[tuple[str, float, float, str]]:
    """The front with coded bytes against a forward pass; the statistics with them and without."""
    program = setting.program
    coded = code_tensors(program, setting.batches, setting.stats)
    problem = replace(setting.problem, coded=coded.sent("entropy"))
    front_s, forward_s = setting.race(lambda: search(problem, ("autosplit",)), setting.forward)

    def plain_stats() -> Stats:
        stats = measure(program, setting.batches)
        sensitivity(program, setting.batches, stats, "output")
        return stats

    coded_s, plain_s = setting.race(
        lambda: code_tensors(program, setting.batches, plain_stats()), plain_stats
    )
    what = "front, coded bytes, 4 links / one forward pass, resnet50"
    stats = "stats of metric output with coded bytes / without"
    return [(what, front_s, forward_s, "at most 3"), (stats, coded_s, plain_s, "at most 1.3")]


def grow(layers: int) -> str:
    """Measure the worst time over some budgets, and the memory, of ``allocate`` on a chain.

    The function must run in a process of its own, because it reads the peak memory.
    """
    rng = np.random.default_rng(0)
    widths = np.array(SEVEN_WIDTHS)
    noise = np.exp(rng.normal(size=(layers, 1)))
    distortion = noise * 4.0**-widths * np.exp(0.1 * rng.normal(size=(layers, len(widths))))
    elements = rng.integers(100, 100_000, (layers, 1))
    cost = (elements * widths + 7) // 8
    worst, gap = 0.0, 0.0
    for budget in budgets_of(cost, GROWTH_BUDGETS):
        start = time.perf_counter()
        found = allocate(distortion, cost, budget)
        worst = max(worst, time.perf_counter() - start)
        gap = max(gap, found.gap)
    return f"{worst} {peak_bytes()} {gap}"


def bench_growth(_: Setting) -> list[tuple[str, float, float, str]]:
    """Print how time and memory of ``allocate`` grow with the number of layers."""
    here = str(Path(__file__).parent)
    lines, before = [], None
    for layers in CHAINS:
        code = f"import sys; sys.path.insert(0, {here!r}); import bench_search; "
        code += f"print(bench_search.grow({layers}))"
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)  # noqa: S603 - our own code
        seconds, peak, gap = map(float, run.stdout.split())
        print(f"chain of {layers:,} layers x 7 widths, worst of {GROWTH_BUDGETS} budgets: "
              f"{seconds:.3g} s, peak {peak / 1e9:.2f} GB, gap {gap:.1e}")  # fmt: skip
        each = seconds / (layers * np.log2(layers))
        if before is not None:
            what = f"seconds per L log L, {layers:,} layers / {before[0]:,} layers"
            lines.append((what, each, before[1], "no steady growth"))
        before = layers, each
    return lines


def bench_paper(_: Setting) -> list[tuple[str, float, float, str]]:
    """Run the sweep of the paper's table with 1 and with 2 processes, each from scratch."""
    file = Path(__file__).parent / "paper.yaml"
    times = []
    for jobs in (1, 2):
        with tempfile.TemporaryDirectory() as place:
            command = [sys.executable, "-m", "autosplit", "sweep", str(file)]
            start = time.perf_counter()
            out = ["--jobs", str(jobs), "--out", f"{place}/paper"]
            subprocess.run([*command, *out], check=True, capture_output=True)  # noqa: S603 - our own command
            times.append(time.perf_counter() - start)
    return [("experiments/paper.yaml, 2 jobs / 1 job", times[1], times[0], "printed")]


def bench_choose(_: Setting) -> list[tuple[str, float, float, str]]:
    """Pick with an accuracy limit, against evaluating every Pareto plan on every image."""
    given = {"model": "fashion-resnet", "data": "fashion-mnist"}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        STAGES["stats"].run(folder, given)
        STAGES["search"].run(folder, {})
        STAGES["latency"].run(folder, {})
        times, picks = [], []
        for asked in ({"max_drop": 1.0}, {"plans": "pareto"}):
            start = time.perf_counter()
            outcome = STAGES["quantize"].run(folder, asked, force=True)
            times.append(time.perf_counter() - start)
            print(outcome.text)
            STAGES["collect"].run(folder, {"max_drop": 1.0})
            found = read_yaml(folder / "pick.yaml", "pick")["picks"]
            picks.append({link: pick["latency_s"] for link, pick in found.items()})
    print(f"picks as fast on {sum(a == picks[1][k] for k, a in picks[0].items())} of 4 links")
    return [("quantize --max-drop 1 / every Pareto plan, fashion-resnet", *times, "printed")]
