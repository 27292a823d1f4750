"""All stages one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from autosplit.progress import Progress, silent
from autosplit.runs.finishing import finishing_of
from autosplit.runs.options import QuantizeOptions, check_options
from autosplit.runs.stages.collect import COLLECT
from autosplit.runs.stages.frame import Outcome, Stage
from autosplit.runs.stages.latency import LATENCY
from autosplit.runs.stages.quantize import QUANTIZE
from autosplit.runs.stages.search import SEARCH
from autosplit.runs.stages.stats import STATS
from autosplit.runs.stamps import read_stamp, resolve

STAGES: dict[str, Stage[Any]] = {
    stage.name: stage for stage in (STATS, SEARCH, LATENCY, QUANTIZE, COLLECT)
}
"""Stage by name, in the order in which ``run`` does them."""


def run(
    folder: Path, given: Mapping[str, Any], *, force: bool = False, progress: Progress = silent
) -> Iterator[Outcome]:
    """Do all five stages, each only if there is something new to do, and yield what each did.

    Args:
        folder: Run folder.
        given: Options of any stage by name; those that are None or left out keep their value.
            Hardware is that of the search, and the plans are timed on the same.  If effort or
            rounding is given, distortion is counted with the rounding that finishes plans.
        force: Do every stage again.
        progress: Shows how far a stage is.

    Raises:
        StageError: An option is unknown.
    """
    names = {name: {field.name for field in fields(s.options)} for name, s in STAGES.items()}
    check_options(given, set().union(*names.values()))
    for name, stage in STAGES.items():
        own = {key: given[key] for key in given.keys() & names[name]}
        if name == "stats":
            own["rounding"] = _rounding_counted(folder, given)
        if name == "latency":
            own = {key: type(value)() for key, value in own.items() if value is not None}
        yield stage.run(folder, own, force=force, progress=progress)


def _rounding_counted(folder: Path, given: Mapping[str, Any]) -> str | None:
    """Rounding that ``stats`` counts with: as plans are finished; None, as last, if not asked."""
    asked = {key: given.get(key) for key in ("effort", "rounding")}
    if not any(asked.values()):
        return None
    options = resolve(asked, read_stamp(folder, "quantize"), QuantizeOptions())
    return "nearest" if finishing_of(options).recovery.rounding == "nearest" else "auto"
