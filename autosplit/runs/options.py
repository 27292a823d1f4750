"""Which command has which options.  The options themselves are declared in ``declared/``.

A stage remembers its options in its stamp: an option that is not given keeps its value.  None takes
a limit off, and 0 is a value like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from autosplit.errors import OptionError, did_you_mean
from autosplit.runs.declared.boxes import AnchorsOptions, DetectOptions
from autosplit.runs.declared.bundle import ExportOptions, InferOptions, ServeOptions
from autosplit.runs.declared.check import CheckOptions
from autosplit.runs.declared.choices import (
    ALL_METHODS,
    BACKEND_NAMES,
    CHANNEL_NAMES,
    CLIPPING_NAMES,
    CODING_NAMES,
    CUT_NAMES,
    DECODE_NAMES,
    EFFORT_NAMES,
    FORMAT_NAMES,
    INTERPOLATION_NAMES,
    METHOD_NAMES,
    METRIC_NAMES,
    PREPROCESS_NAMES,
    ROUNDING_NAMES,
    TASK_NAMES,
    USUAL_METHODS,
    USUAL_QUALITIES,
    USUAL_WIDTHS,
)
from autosplit.runs.declared.compress import TrainOptions, TuneOptions
from autosplit.runs.declared.folder import EmitOptions, FolderOptions
from autosplit.runs.declared.profile import ProfileOptions
from autosplit.runs.declared.prune import PruneOptions
from autosplit.runs.declared.report import ReportOptions
from autosplit.runs.declared.scores import CollectOptions, QuantizeOptions
from autosplit.runs.declared.search import LatencyOptions, SearchOptions
from autosplit.runs.declared.stats import StatsOptions
from autosplit.runs.declared.sweep import SweepOptions
from autosplit.runs.option import Option, options_of

__all__ = [
    "ALL_METHODS",
    "BACKEND_NAMES",
    "CHANNEL_NAMES",
    "CLIPPING_NAMES",
    "CODING_NAMES",
    "CUT_NAMES",
    "DECODE_NAMES",
    "EFFORT_NAMES",
    "FORMAT_NAMES",
    "FREE",
    "INTERPOLATION_NAMES",
    "METHOD_NAMES",
    "METRIC_NAMES",
    "OPTIONS",
    "PREPROCESS_NAMES",
    "ROUNDING_NAMES",
    "SIDE_OPTIONS",
    "TASK_NAMES",
    "USUAL_METHODS",
    "USUAL_QUALITIES",
    "USUAL_WIDTHS",
    "AnchorsOptions",
    "CheckOptions",
    "CollectOptions",
    "DetectOptions",
    "EmitOptions",
    "ExportOptions",
    "FolderOptions",
    "InferOptions",
    "LatencyOptions",
    "Options",
    "ProfileOptions",
    "PruneOptions",
    "QuantizeOptions",
    "ReportOptions",
    "SearchOptions",
    "ServeOptions",
    "StatsOptions",
    "SweepOptions",
    "TrainOptions",
    "TuneOptions",
    "check_options",
    "options_of_run",
    "plain",
]

OPTIONS: dict[str, type[Any]] = {
    "stats": StatsOptions,
    "search": SearchOptions,
    "latency": LatencyOptions,
    "quantize": QuantizeOptions,
    "collect": CollectOptions,
}
"""Stage -> record of its options, in the order in which ``run`` does the stages."""
SIDE_OPTIONS: dict[str, type[Any]] = {
    "anchors": AnchorsOptions,
    "check": CheckOptions,
    "detect": DetectOptions,
    "emit": EmitOptions,
    "export": ExportOptions,
    "infer": InferOptions,
    "profile": ProfileOptions,
    "report": ReportOptions,
    "prune": PruneOptions,
    "serve": ServeOptions,
    "sweep": SweepOptions,
    "train": TrainOptions,
    "tune": TuneOptions,
}
"""Any other command -> record of its options."""
Options = TypeVar(
    "Options", StatsOptions, SearchOptions, LatencyOptions, QuantizeOptions, CollectOptions
)
FREE = {"jobs"}
"""Options that change no result, so that a stage need not be done again for them."""
_NOT_OF_RUN = {"finished", "link"}
"""Options of single stages alone: of those that hold for one time."""


def options_of_run() -> tuple[Option, ...]:
    """Options of the command ``run``: those of all stages, each once.

    Hardware is that of the search.  Of an option of two stages the later one's words are taken.
    """
    found: dict[str, Option] = {}
    for stage, record in OPTIONS.items():
        if stage != "latency":
            found |= {one.name: one for one in options_of(record) if one.name not in _NOT_OF_RUN}
    drop = found["max_drop"]
    text = (
        f"{drop.help} If the option is on the command line, autosplit saves time: it evaluates no "
        "more plans and images than the pick of each link needs."
    )
    found["max_drop"] = Option(
        drop.name, text, drop.group, drop.kind, drop.default, drop.none, drop.flag, drop.first
    )
    return tuple(found.values())


def check_options(given: Mapping[str, Any], known: Iterable[str]) -> None:
    """Make sure that options have names that a stage knows.

    Raises:
        OptionError: One has not.
    """
    for name in sorted(given.keys() - set(known)):
        raise OptionError(f"options: unknown option {name!r}{did_you_mean(name, known)}")


def plain(options: Options) -> dict[str, Any]:
    """Options as JSON would give them back."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(options).items()}
