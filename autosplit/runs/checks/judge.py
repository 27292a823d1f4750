"""Which checks hold: values of the plans of a finished run beside their limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autosplit.errors import DataError, did_you_mean
from autosplit.report.choice import PICK
from autosplit.runs.checks.checkfile import Check


@dataclass(frozen=True, slots=True)
class Judged:
    """A check of one plan over one link.

    Attributes:
        check: What must hold.
        link: The link.
        plan: Name of the plan; empty where the link has no pick.
        found: The value; None where the plan has none, as if it was not measured.
    """

    check: Check
    link: str
    plan: str
    found: float | None

    @property
    def key(self) -> str:
        """What the baseline remembers the value under."""
        return f"{self.link} {self.check.plan} {self.check.value}"

    @property
    def title(self) -> str:
        """What is checked, in words."""
        plan = "" if self.check.plan == PICK else f" of {self.check.plan}"
        return f"{self.check.value}{plan} over {self.link}"

    @property
    def holds(self) -> bool:
        """Whether the value keeps its limits; a value that is missing keeps none."""
        if self.found is None:
            return False
        return self.check.at_least <= self.found <= self.check.at_most


def judge_checks(
    checks: Sequence[Check], rows: Sequence[Mapping[str, str]], picks: Mapping[str, str]
) -> tuple[Judged, ...]:
    """Look the value of each check up.

    Args:
        checks: What must hold.
        rows: Rows of ``summary_full.csv``.
        picks: Link -> name of its pick, of the links that have one.

    Raises:
        DataError: The run has no such link, no such plan, or its task no such value.
    """
    links = list(dict.fromkeys(row["link"] for row in rows))
    by_place = {(row["link"], row["name"]): row for row in rows}
    plans = {row["name"] for row in rows}
    found = []
    for check in checks:
        if check.link is not None and check.link not in links:
            raise DataError(f"link {check.link!r}: {_known('link', check.link, links)}")
        if check.plan != PICK and check.plan not in plans:
            raise DataError(f"plan {check.plan!r}: {_known('plan', check.plan, sorted(plans))}")
        for link in links if check.link is None else [check.link]:
            name = picks.get(link, "") if check.plan == PICK else check.plan
            row = by_place.get((link, name))
            found.append(Judged(check, link, name, None if row is None else _value(row, check)))
    return tuple(found)


def _known(what: str, name: str, names: Sequence[str]) -> str:
    return f"must be a {what} of the run{did_you_mean(name, names)}"


def _value(row: Mapping[str, str], check: Check) -> float | None:
    """Value of a row, in milliseconds if it is asked for so."""
    column, factor = check.value, 1.0
    if column not in row and column.endswith("_ms"):
        column, factor = f"{column.removesuffix('_ms')}_s", 1e3
    if column not in row:
        raise DataError(f"value {check.value!r}: the task of the run has no such column")
    return factor * float(row[column]) if row[column] else None
