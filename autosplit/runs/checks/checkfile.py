"""A file of checks: the options of a run, and limits that values of its plans must keep."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autosplit.errors import FileError, OptionError, did_you_mean
from autosplit.evaluate.task import TASKS
from autosplit.files import check_keys, read_yaml
from autosplit.report.choice import PICK
from autosplit.report.tables import PLANS_HEADER
from autosplit.runs.option import read_given
from autosplit.runs.options import options_of_run

NO_NUMBERS = {"name", "method", "link", "cut", "cut_bits", "pareto"}
"""Columns of ``summary_full.csv`` that hold no number to compare."""


@dataclass(frozen=True, slots=True)
class Check:
    """A limit that a value must keep.

    Attributes:
        value: Column of ``summary_full.csv``; a column of seconds may be named in milliseconds.
        at_most, at_least: The limit; one of the two may be infinite.
        link: Link over which it holds; None: every link of the run.
        plan: Name of a plan, or ``pick``.
    """

    value: str
    at_most: float = math.inf
    at_least: float = -math.inf
    link: str | None = None
    plan: str = PICK


@dataclass(frozen=True, slots=True)
class CheckFile:
    """What a file of checks says.

    Attributes:
        options: Options of ``autosplit run`` by name.
        checks: Limits, in the order of the file.
    """

    options: Mapping[str, Any]
    checks: tuple[Check, ...]


def value_names() -> tuple[str, ...]:
    """Values that a check may be of."""
    names = [name for name in PLANS_HEADER if name not in NO_NUMBERS]
    names += [name for task in TASKS for name in task.measured]
    names += [f"{name.removesuffix('_s')}_ms" for name in names if name.endswith("_s")]
    return tuple(dict.fromkeys(names))


def read_checks(path: Path) -> CheckFile:
    """Read a file of checks.

    Args:
        path: YAML file with ``schema: autosplit/check/1``.

    Raises:
        FileError: The file is not one, or a check is wrong; says everything wrong at once.
        OptionError: An option of the run is unknown or cannot have its value.
    """
    data = read_yaml(path, "check")
    problems = check_keys(data, {"run", "checks"}, where=str(path))
    if problems:
        raise FileError("; ".join(problems))
    given, listed = data["run"], data["checks"]
    if not isinstance(given, dict):
        raise FileError(f"{path}: run: must be a mapping of options, got {given!r:.60}")
    if not isinstance(listed, list) or not listed:
        raise FileError(f"{path}: checks: must be a list of at least one check, got {listed!r:.60}")
    for place, one in enumerate(listed):
        problems += _problems(one, f"{path}: checks[{place}]")
    if problems:
        raise FileError("; ".join(problems))
    try:
        options = read_given(given, options_of_run())
    except OptionError as error:
        raise OptionError(f"{path}: run: {error}") from None
    return CheckFile(options, tuple(Check(**one) for one in listed))


def _problems(one: Any, where: str) -> list[str]:
    """What is wrong with a check."""
    if not isinstance(one, dict):
        return [f"{where}: must be a mapping such as {{value: drop, at_most: 1}}, got {one!r:.60}"]
    found = check_keys(one, {"value"}, {"at_most", "at_least", "link", "plan"}, where=where)
    names = value_names()
    value = one.get("value")
    if value is not None and value not in names:
        found.append(f"{where}: value: unknown {value!r:.60}{did_you_mean(str(value), names)}")
    limits = [key for key in ("at_most", "at_least") if key in one]
    if not limits:
        found.append(f"{where}: must have at_most or at_least, has neither")
    found += [
        f"{where}: {key}: must be a number, got {one[key]!r:.60}"
        for key in limits
        if isinstance(one[key], bool)
        or not isinstance(one[key], int | float)
        or not math.isfinite(one[key])
    ]
    found += [
        f"{where}: {key}: must be a name, got {one[key]!r:.60}"
        for key in ("link", "plan")
        if key in one and not isinstance(one[key], str)
    ]
    return found
