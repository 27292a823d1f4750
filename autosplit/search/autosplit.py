"""Our methods: ``autosplit``, of any cut, in integers, floats, or a JPEG file; ``all-edge``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from autosplit.plan.plan import Plan
from autosplit.search.baselines import literature, plain
from autosplit.search.front.front import OURS, integer_front
from autosplit.search.pareto import unbeaten
from autosplit.search.problem import Problem

ALL_EDGE = "all-edge"
"""Name of the method ``all_edge``, and of its plan."""


def autosplit(problem: Problem) -> list[Plan]:
    """Find the plans that no other one found beats in both seconds and distortion, on some link.

    A plan of tensors is beaten by plans of tensors alone, as ``pareto.front_over`` has it.  Beside
    the front in integers these are looked at: every prefix cut in floats, the minimum cut in
    floats for each link (which need not be a prefix), and the input sent as a JPEG file of
    each quality that was measured.  The cloud half computes in floats.

    Returns:
        Those that fit the memory, by rising number of edge layers, then rising distortion; those
        of integers are named ``cut`` and their number of edge layers, the others after what they
        are.
    """
    others = [
        plan
        for plan in _uncommon(problem)
        if problem.fits(plan.edge_memory_bytes) and problem.allows(plan.edge)
    ]
    plans = unbeaten([*integer_front(problem, problem.lengths), *others])
    return sorted(plans, key=lambda plan: (len(plan.edge), plan.distortion, plan.name))


def all_edge(problem: Problem) -> list[Plan]:
    """The plan in integers of least distortion among those with all layers on the edge that fit.

    Returns:
        That plan, named ``all-edge``; none where all layers do not fit the memory.
    """
    whole = len(problem.graph.layers)
    plans = integer_front(problem, (whole,))
    best = min(plans, key=lambda plan: plan.distortion, default=None)
    return [] if best is None else [replace(best, name=ALL_EDGE, method=ALL_EDGE)]


def _uncommon(problem: Problem) -> Iterator[Plan]:
    """Plans that no search over widths has: they have nothing to choose but the cut."""
    yield from (replace(plan, method=OURS) for plan in plain.float_prefixes(problem))
    for plan in literature.dads(problem):
        if plan.edge:
            yield replace(plan, method=OURS, name=plan.name.replace("dads", "float-mincut"))
    for plan in plain.cloud_jpeg(problem):
        yield replace(plan, method=OURS, name=plan.name.removeprefix("cloud-"))
