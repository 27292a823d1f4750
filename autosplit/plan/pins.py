"""Pins: widths that a person fixes, ``features.0.*:weight=8``, or a file of them.

A pin is for all layers whose name its pattern matches (as in ``fnmatch``), and fixes the width of
their weights or of their outputs.  ``search.pins`` makes the search keep them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autosplit.errors import FileError, PlanError
from autosplit.files import check_keys, parse_yaml
from autosplit.stats.stats import Role

ROLES: tuple[Role, ...] = ("weight", "activation")


@dataclass(frozen=True, slots=True)
class Pin:
    """One pinned width.

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


def parse_pin(text: str) -> Pin:
    """Read one pin such as ``features.0.*:weight=8``.

    Raises:
        PlanError: The text is no pin.

    >>> parse_pin("features.0.*:weight=8")
    Pin(pattern='features.0.*', role='weight', bits=8)
    """
    pattern, _, rest = text.rpartition(":")
    word, _, number = rest.partition("=")
    if not pattern or word not in ROLES or not number.isdecimal():
        raise PlanError(
            f"pin: must be PATTERN:weight=BITS or PATTERN:activation=BITS, got {text!r}"
        )
    return Pin(pattern, "weight" if word == "weight" else "activation", int(number))


def read_pins(path: Path) -> tuple[str, ...]:
    """Read a file of pins: ``pins: {'features.0.*': {weight: 8, activation: 6}}``.

    Returns:
        The pins as texts, in the order of the file.

    Raises:
        FileError: The file is missing or says something else; all problems at once.
    """
    data = parse_yaml(path)
    problems = check_keys(data, ("pins",), where=str(path))
    table: Any = {} if problems else data["pins"]
    if not isinstance(table, dict):
        problems.append(f"{path}: pins: must be a mapping, got {table!r:.60}")
        table = {}
    found = []
    for pattern, widths in table.items():
        where = f"{path}: pins: {pattern}"
        wrong = check_keys(widths, (), ROLES, where=where)
        problems += wrong
        for role, bits in {} if wrong else widths.items():
            if type(bits) is not int:
                problems.append(f"{where}: {role}: must be a whole number of bits, got {bits!r}")
            found.append(f"{pattern}:{role}={bits}")
    if problems:
        raise FileError("; ".join(problems))
    return tuple(found)
