"""All stages one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from autosplit.progress import Progress, silent
from autosplit.runs.finishing import finishing_of
from autosplit.runs.network import captured_once
from autosplit.runs.option import options_of
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
    """Do all five stages, each only if there is something new to do.

    Args:
        folder: Run folder.
        given: Options of any stage by name; those that are left out keep their value.  Hardware is
            that of the search, and the plans are timed on the same.  If effort or rounding is
            given, distortion is counted with the rounding that finishes plans.
        force: Do every stage again.
        progress: Shows how far a stage is.

    Returns:
        What each stage did, as soon as it is done.

    Raises:
        OptionError: An option is unknown or cannot have its value; said before anything is done.
        AutoSplitError: What a stage refuses, when it is its turn.
    """
    names = {name: {one.name for one in options_of(s.options)} for name, s in STAGES.items()}
    check_options(given, set().union(*names.values()))
    own = {name: {key: given[key] for key in given.keys() & names[name]} for name in STAGES}
    for name, stage in STAGES.items():
        stage.resolved(folder, own[name], force=force)
    own["latency"] = dict.fromkeys(own["latency"])
    own["stats"] |= _rounding_counted(folder, given)
    return _run(folder, own, force=force, progress=progress)


def _run(
    folder: Path, own: Mapping[str, Mapping[str, Any]], *, force: bool, progress: Progress
) -> Iterator[Outcome]:
    """Do the stages, each with its own options; the network is captured once for all of them."""
    with captured_once():
        for name, stage in STAGES.items():
            yield stage.run(folder, own[name], force=force, progress=progress)


def _rounding_counted(folder: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Rounding that ``stats`` counts with: that which finishes plans; as last, if not asked."""
    asked = {key: given[key] for key in ("effort", "rounding") if key in given}
    if not asked:
        return {}
    options = resolve(asked, read_stamp(folder, "quantize"), QuantizeOptions())
    nearest = finishing_of(options).recovery.rounding == "nearest"
    return {"rounding": "nearest" if nearest else "auto"}
