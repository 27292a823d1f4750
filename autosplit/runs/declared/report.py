"""Options of ``autosplit report``, which writes the page of a run."""

from __future__ import annotations

from dataclasses import dataclass

from autosplit.runs import kinds
from autosplit.runs.option import option


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What ``autosplit report`` writes."""

    out: str = option("report.html", kinds.text("FILE"), "output", "The page to write.")
    measured: str | None = option(
        None,
        kinds.text("FILE"),
        "data",
        "Table of autosplit infer --out, whose times are shown beside the promised ones.",
        none="no bundle was run",
    )
    pictures: str | None = option(
        None,
        kinds.text("FOLDER"),
        "data",
        "Folder of autosplit detect --out, whose pictures (float network and plan side by side) "
        "are shown.",
        none="no pictures",
    )
