"""Every search method by name, on the same costs: ours and the baselines it must beat."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autosplit.errors import InfeasibleError, PlanError, did_you_mean
from autosplit.plan.plan import Plan
from autosplit.search.autosplit import ALL_EDGE, all_edge, autosplit
from autosplit.search.baselines import literature, plain
from autosplit.search.baselines.original import autosplit2021
from autosplit.search.front.front import OURS
from autosplit.search.pins import keeps_pins
from autosplit.search.problem import Problem

Method = Callable[[Problem], list[Plan]]
"""One search method; its plans have unique names, and predictions for every link."""


def search(problem: Problem, methods: Sequence[str] | None = None) -> list[Plan]:
    """Run some methods on one problem; plans with a layer where it cannot be timed are left out.

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
    plans = (plan for name in names for plan in METHODS[name](problem))
    return [plan for plan in plans if problem.allows(plan.edge)]


def search_pinned(problem: Problem, pinned: Problem, methods: Sequence[str]) -> list[Plan]:
    """Run some methods, those of ours on the problem whose widths are pinned.

    Args:
        problem: As it is, for the baselines.
        pinned: From ``pins.pin``.
        methods: Names of methods.

    Raises:
        InfeasibleError: Nothing of ours that keeps the pins fits the memory.
    """
    plans = []
    for name in methods:
        if name != OURS:
            plans += search(problem, (name,))
            continue
        kept = [plan for plan in search(pinned, (name,)) if keeps_pins(plan, problem, pinned)]
        if problem.limit_bytes != 0 and not any(plan.edge for plan in kept):
            raise InfeasibleError(
                f"memory: no edge half with the pinned widths fits {problem.limit_bytes} bytes; "
                "pin narrower ones, or allow more with --memory"
            )
        plans += kept
    return plans


def standing_for(method: str, link: str, names: Sequence[str]) -> list[str]:
    """Names of a method's plans that count for a link: the one that is made for it, else all.

    >>> standing_for("dads", "lte", ["dads-1mbps", "dads-lte"]), standing_for("a", "lte", ["a-1"])
    (['dads-lte'], ['a-1'])
    """
    return [name for name in names if name == f"{method}-{link}"] or list(names)


METHODS: dict[str, Method] = {
    "autosplit": autosplit,
    ALL_EDGE: all_edge,
    "autosplit2021": autosplit2021,
    "neurosurgeon": literature.neurosurgeon,
    "dads": literature.dads,
    "qdmp": literature.qdmp,
    **{f"uniform{bits}": plain.uniform(bits) for bits in (2, 3, 4, 6, 8)},
    "cloud16": plain.cloud16,
    "cloud8": plain.cloud8,
    "cloud-jpeg": plain.cloud_jpeg,
    "edge-float": plain.edge_float,
    "random": plain.random,
}
"""Method name -> function."""

ALL = "all"
"""Stands for every method there is."""
