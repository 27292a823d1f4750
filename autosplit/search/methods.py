"""Every search method by name, on the same costs: ours and the baselines it must beat."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autosplit.errors import InfeasibleError, PlanError, did_you_mean
from autosplit.grid.grid import WIDTHS
from autosplit.plan.plan import Plan
from autosplit.search.autosplit import autosplit
from autosplit.search.baselines import literature
from autosplit.search.baselines.original import autosplit2021
from autosplit.search.cost import make_plan
from autosplit.search.front.front import OURS
from autosplit.search.pins import keeps_pins
from autosplit.search.problem import Problem

Method = Callable[[Problem], list[Plan]]
"""One search method; its plans have unique names, and predictions for every link."""


def search(problem: Problem, methods: Sequence[str] | None = None) -> list[Plan]:
    """Run some methods on one problem.

    A baseline says what it says even if it does not fit: whoever picks a plan must leave out those
    whose ``edge_memory_bytes`` pass the limit.  Ours always fit.

    Args:
        problem: The problem.
        methods: Names of methods; all of them if None.

    Returns:
        The plans of each method in turn.

    Raises:
        PlanError: A method is unknown or listed twice.
        InfeasibleError: The edge device has no room for any layer.
    """
    names = tuple(METHODS) if methods is None else tuple(methods)
    for name in names:
        if name not in METHODS:
            raise PlanError(f"methods: unknown method {name!r}{did_you_mean(name, METHODS)}")
    if len(set(names)) < len(names):
        raise PlanError(f"methods: each must be listed once, got {', '.join(names)}")
    problem.check_feasible()
    return [plan for name in names for plan in METHODS[name](problem)]


def search_pinned(problem: Problem, pinned: Problem, methods: Sequence[str]) -> list[Plan]:
    """Run some methods, those of ours on the problem whose widths are pinned.

    Args:
        problem: As it is, for the baselines.
        pinned: From ``overrides.pin``.
        methods: Names of methods.

    Raises:
        InfeasibleError: Nothing of ours that keeps_pins the pins fits the memory.
    """
    plans = []
    for name in methods:
        if name != OURS:
            plans += search(problem, (name,))
            continue
        kept = [plan for plan in search(pinned, (name,)) if keeps_pins(plan, problem, pinned)]
        if not any(plan.edge for plan in kept):
            raise InfeasibleError(
                f"memory: no edge half with the pinned widths fits {problem.limit_bytes} bytes; "
                "pin narrower ones, or allow more with --memory"
            )
        plans += kept
    return plans


def _uniform(bits: int) -> Method:
    """All layers on the edge, all at one width; no plan where the device lacks that width."""

    def uniform(problem: Problem) -> list[Plan]:
        if problem.edge.widths and bits not in problem.edge.widths:
            return []
        cut = problem.graph.prefix(len(problem.graph.layers))
        widths = problem.uniform(cut, bits)
        name, bound = f"uniform{bits}", _least(problem)
        return [make_plan(problem, cut, *widths, name=name, method=name, lower_bound=bound)]

    return uniform


def _cloud16(problem: Problem) -> list[Plan]:
    """All layers in the cloud; the input crosses at its own width."""
    cut = problem.graph.prefix(0)
    widths = problem.uniform(cut, problem.input_bits)
    bound = problem.distortion_of(*widths)
    return [make_plan(problem, cut, *widths, name="cloud16", method="cloud16", lower_bound=bound)]


def _least(problem: Problem) -> float:
    """Distortion of everything at its best measured width: a bound that needs no search."""
    inputs = dict.fromkeys(problem.graph.inputs, problem.input_bits)
    total = problem.distortion_of({}, inputs)
    for layer in problem.graph.layers:
        for role in ("weight", "activation") if layer.owns_weight else ("activation",):
            total += min(problem.distortions[layer.name, role, b].distortion for b in WIDTHS)
    return total


METHODS: dict[str, Method] = {
    "autosplit": autosplit,
    "autosplit2021": autosplit2021,
    "neurosurgeon": literature.neurosurgeon,
    "dads": literature.dads,
    "qdmp": literature.qdmp,
    **{f"uniform{bits}": _uniform(bits) for bits in (2, 4, 6, 8)},
    "cloud16": _cloud16,
    "cloud8": literature.cloud8,
    "cloud-jpeg": literature.cloud_jpeg,
    "edge-float": literature.edge_float,
    "random": literature.random,
}
"""Method name -> function."""

DEFAULT_METHODS = ("autosplit", "uniform2", "uniform4", "uniform6", "uniform8", "cloud16")
"""Ours and the two ways not to split: everything on the edge, everything in the cloud."""
ALL = "all"
"""Stands for every method there is."""
