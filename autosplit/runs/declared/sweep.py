"""Options of ``autosplit sweep`` beside those in its file."""

from __future__ import annotations

from dataclasses import dataclass

from autosplit.runs import kinds
from autosplit.runs.declared.choices import BACKEND_NAMES
from autosplit.runs.declared.shared import jobs_option
from autosplit.runs.option import option


@dataclass(frozen=True, slots=True)
class SweepOptions:
    """Where the searches of ``autosplit sweep`` run, and where the table goes."""

    jobs: int = jobs_option()
    backend: str = option(
        "joblib",
        kinds.choice(*BACKEND_NAMES),
        "evaluation",
        "Where the searches run: joblib on this machine, dask on a cluster.",
    )
    scheduler: str | None = option(
        None,
        kinds.text("ADDRESS"),
        "evaluation",
        "Address of a dask scheduler, such as tcp://HOST:8786.",
        none="no scheduler",
    )
    out: str = option(
        "results",
        kinds.text("FOLDER"),
        "output",
        "Folder for NAME.csv, NAME.png and the folder NAME of intermediate results, where NAME is "
        "the name of the sweep file.",
    )
