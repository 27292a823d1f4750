"""Make the search keep pinned widths.

A pin is put into the problem: every other width of that tensor gets a distortion that no plan
worth having has, so every method of ours avoids it without knowing of pins.  Floats have no
distortion, so plans with floats, and any other plan that breaks a pin, are dropped afterwards
(``keeps_pins``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from autosplit.errors import PlanError, did_you_mean
from autosplit.graph.graph import Graph
from autosplit.grid.grid import WIDTHS
from autosplit.plan.pins import Pin
from autosplit.plan.plan import Plan
from autosplit.search.problem import Problem
from autosplit.stats.stats import Role

FORBIDDEN = 1e6
"""Least distortion that is added to a width that a pin rules out; see ``_penalty``."""


def pin(problem: Problem, pins: Sequence[Pin]) -> Problem:
    """The problem with some widths pinned; of pins for the same tensor the last one counts.

    Raises:
        PlanError: A pattern matches no layer that has such a tensor, or a width may not be used.
    """
    pinned: dict[tuple[str, Role], int] = {}
    for one in pins:
        if one.bits not in problem.usable:
            raise PlanError(
                f"pin {one}: the width must be one that may be used, "
                f"{', '.join(map(str, problem.usable))}; see --widths"
            )
        pinned |= dict.fromkeys(_matched(problem.graph, one), one.bits)
    penalty = _penalty(problem)
    distortions = {
        (name, role, bits): found
        if pinned.get((name, role), bits) == bits
        else replace(found, distortion=found.distortion + penalty)
        for (name, role, bits), found in problem.distortions.items()
    }
    return replace(problem, distortions=distortions) if pinned else problem


def keeps_pins(plan: Plan, problem: Problem, pinned: Problem) -> bool:
    """Whether a plan of a pinned problem takes no width that a pin rules out, and no floats."""
    roles: tuple[tuple[Role, Mapping[str, int]], ...]
    roles = (("weight", plan.weight_bits), ("activation", plan.activation_bits))
    taken = [(name, role, bits) for role, widths in roles for name, bits in widths.items()]
    return all(
        bits <= WIDTHS[-1]
        and pinned.distortions[name, role, bits] == problem.distortions[name, role, bits]
        for name, role, bits in taken
    )


def _penalty(problem: Problem) -> float:
    """Distortion that no sum of true ones comes near, whatever the metric made of them."""
    return max(FORBIDDEN, 2 * math.fsum(found.distortion for found in problem.distortions.values()))


def _matched(graph: Graph, one: Pin) -> list[tuple[str, Role]]:
    """Tensors that a pin is for."""
    named = [name for name in graph.by_name if fnmatchcase(name, one.pattern)]
    if not named:
        near = did_you_mean(one.pattern, graph.by_name)
        raise PlanError(f"pin {one}: no layer matches{near}")
    if one.role == "activation":
        return [(name, "activation") for name in named]
    layers = (graph.by_name[name] for name in named)
    owners = [layer.owner for layer in layers if layer.weight_elements]
    if not owners:
        raise PlanError(f"pin {one}: no layer that matches has a weight")
    return [(name, "weight") for name in owners]
