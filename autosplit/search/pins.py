"""Widths that a person pins: ``features.0.*:weight=8`` before the search begins.

A pin is put into the problem: every other width of that tensor is given a distortion that no plan
can afford, so that each method, which only adds up distortions, takes the pinned one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from autosplit.errors import FileError, PlanError, did_you_mean
from autosplit.files import check_keys, parse_yaml
from autosplit.graph.graph import Graph
from autosplit.grid.grid import WIDTHS
from autosplit.plan.plan import Plan
from autosplit.search.problem import Problem
from autosplit.stats.stats import Role

FORBIDDEN = 1e6
"""Least distortion that is added to a width that a pin rules out; see ``_price``."""
ROLES: tuple[Role, ...] = ("weight", "activation")


@dataclass(frozen=True, slots=True)
class Override:
    """One pin.

    Attributes:
        pattern: Layers it is for, as in ``fnmatch``.
        role: Their weights or their outputs.
        bits: The width.
    """

    pattern: str
    role: Role
    bits: int

    def __str__(self) -> str:
        return f"{self.pattern}:{self.role}={self.bits}"


def parse_override(text: str) -> Override:
    """One pin of a text such as ``features.0.*:weight=8``.

    Raises:
        PlanError: It is no pin.

    >>> parse_override("features.0.*:weight=8")
    Override(pattern='features.0.*', role='weight', bits=8)
    """
    pattern, _, rest = text.rpartition(":")
    word, _, number = rest.partition("=")
    if not pattern or word not in ROLES or not number.isdecimal():
        raise PlanError(
            f"override: must be PATTERN:weight=BITS or PATTERN:activation=BITS, got {text!r}"
        )
    return Override(pattern, "weight" if word == "weight" else "activation", int(number))


def read_request(path: Path) -> tuple[str, ...]:
    """Pins of a request file: ``overrides: {'features.0.*': {weight: 8, activation: 6}}``.

    Raises:
        FileError: It is missing or says something else; all problems at once.
    """
    data = parse_yaml(path)
    problems = check_keys(data, ("overrides",), where=str(path))
    table: Any = {} if problems else data["overrides"]
    if not isinstance(table, dict):
        problems.append(f"{path}: overrides: must be a mapping, got {table!r:.60}")
        table = {}
    found = []
    for pattern, widths in table.items():
        where = f"{path}: overrides: {pattern}"
        wrong = check_keys(widths, (), ROLES, where=where)
        problems += wrong
        for role, bits in {} if wrong else widths.items():
            if type(bits) is not int:
                problems.append(f"{where}: {role}: must be a whole number of bits, got {bits!r}")
            found.append(f"{pattern}:{role}={bits}")
    if problems:
        raise FileError("; ".join(problems))
    return tuple(found)


def pin(problem: Problem, overrides: Sequence[Override]) -> Problem:
    """The problem with some widths pinned; of pins for the same tensor the last one counts.

    Raises:
        PlanError: A pattern matches no layer that has such a tensor, or a width may not be used.
    """
    pins: dict[tuple[str, Role], int] = {}
    for override in overrides:
        if override.bits not in problem.usable:
            raise PlanError(
                f"override {override}: the width must be one that may be used, "
                f"{', '.join(map(str, problem.usable))}; see --widths"
            )
        pins |= dict.fromkeys(_matched(problem.graph, override), override.bits)
    price = _price(problem)
    distortions = {
        (name, role, bits): found
        if pins.get((name, role), bits) == bits
        else replace(found, distortion=found.distortion + price)
        for (name, role, bits), found in problem.distortions.items()
    }
    return replace(problem, distortions=distortions) if pins else problem


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


def _price(problem: Problem) -> float:
    """Distortion that no sum of true ones comes near, whatever the metric made of them."""
    return max(FORBIDDEN, 2 * math.fsum(found.distortion for found in problem.distortions.values()))


def _matched(graph: Graph, override: Override) -> list[tuple[str, Role]]:
    """Tensors that a pin is for."""
    named = [name for name in graph.by_name if fnmatchcase(name, override.pattern)]
    if not named:
        near = did_you_mean(override.pattern, graph.by_name)
        raise PlanError(f"override {override}: no layer matches{near}")
    if override.role == "activation":
        return [(name, "activation") for name in named]
    layers = (graph.by_name[name] for name in named)
    owners = [layer.weight_owner or layer.name for layer in layers if layer.weight_elements]
    if not owners:
        raise PlanError(f"override {override}: no layer that matches has a weight")
    return [(name, "weight") for name in owners]
