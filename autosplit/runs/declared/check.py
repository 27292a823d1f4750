"""Options of ``autosplit check``, which judges the plans of a small run."""

from __future__ import annotations

from dataclasses import dataclass

from autosplit.runs import kinds
from autosplit.runs.option import option


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """Where ``autosplit check`` works, and what it writes and compares with."""

    out: str | None = option(
        None,
        kinds.text("RUN"),
        "output",
        "Run folder of the checks.",
        none="results/NAME, after the file of checks",
        flag="--run",
    )
    junit: str | None = option(
        None, kinds.text("FILE"), "output", "JUnit XML file to write.", none="no such file"
    )
    baseline: str | None = option(
        None,
        kinds.text("FILE"),
        "evaluation",
        "JSON file with values of before; the table shows what moved.",
        none="no comparison",
    )
    update: bool = option(
        False, kinds.flag(), "evaluation", "Store the values in the file of --baseline."
    )
