"""What came of checks: a table with what moved, JUnit XML, and the baseline that is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from xml.etree import ElementTree as ET

from autosplit.errors import FileError
from autosplit.files import read_json, write_bytes, write_json
from autosplit.report.aligned import aligned
from autosplit.runs.checks.judge import Judged

TABLE_WIDTH = 120
"""Characters of a line of the table at most."""


def outcome_table(judged: Sequence[Judged], baseline: Mapping[str, float] | None = None) -> str:
    """One line for each check: its value, its limit, whether it holds, and how far it moved.

    Args:
        judged: The checks.
        baseline: Values of before; None: none are stored.
    """
    header = ["check", "plan", "value", "limit", "holds"]
    if baseline is not None:
        header += ["baseline", "moved"]
    rows = []
    for one in judged:
        row = [one.title, one.plan or "no pick", _text(one.found)]
        row += [limit_text(one), "yes" if one.holds else "NO"]
        if baseline is not None:
            before = baseline.get(one.key)
            row += [_text(before), _moved(before, one.found)]
        rows.append(row)
    return aligned(header, rows, TABLE_WIDTH)


def limit_text(one: Judged) -> str:
    """The limits of a check in words."""
    limits = (("at least", one.check.at_least), ("at most", one.check.at_most))
    return ", ".join(f"{word} {limit:g}" for word, limit in limits if isfinite(limit))


def junit_xml(judged: Sequence[Judged], suite: str) -> bytes:
    """The checks as a test suite of JUnit's XML format.

    Args:
        judged: The checks.
        suite: Name of the suite.
    """
    failed = sum(not one.holds for one in judged)
    counts = {"name": suite, "tests": str(len(judged)), "failures": str(failed), "errors": "0"}
    root = ET.Element("testsuites")
    top = ET.SubElement(root, "testsuite", counts)
    for one in judged:
        name = f"{one.title}: {limit_text(one)}"
        case = ET.SubElement(top, "testcase", {"classname": suite, "name": name})
        if not one.holds:
            text = f"{one.plan or 'no pick'}: {_text(one.found)}, must be {limit_text(one)}"
            ET.SubElement(case, "failure", {"message": text}).text = text
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def write_junit(path: Path, judged: Sequence[Judged], suite: str) -> None:
    """Write ``junit_xml`` into a file."""
    write_bytes(path, junit_xml(judged, suite))


def read_baseline(path: Path) -> dict[str, float]:
    """Values that ``--update`` stored.

    Raises:
        FileError: The file is not such a baseline.
    """
    values = read_json(path, "check-baseline").get("values")
    if not isinstance(values, dict) or not all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in values.values()
    ):
        raise FileError(f"{path}: values: must be numbers by name; write it again with --update")
    return {str(key): float(value) for key, value in values.items()}


def write_baseline(path: Path, judged: Sequence[Judged]) -> None:
    """Store the values, to be compared with later."""
    values = {one.key: one.found for one in judged if one.found is not None}
    write_json(path, "check-baseline", {"values": dict(sorted(values.items()))})


def _text(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{int(value):,}" if value == int(value) else f"{value:,.4g}"


def _moved(before: float | None, now: float | None) -> str:
    if before is None or now is None:
        return "-"
    if before == now:
        return "no"
    change = f"{now - before:+.4g}"
    return f"{change} ({100 * (now / before - 1):+.1f} %)" if before else change
