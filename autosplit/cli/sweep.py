"""The command ``sweep``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from autosplit.cli.talk import bar, say
from autosplit.runs import kinds
from autosplit.runs.option import Option

WHERE = (
    Option(
        "jobs",
        "Number of processes on this machine.",
        "evaluation",
        kinds.count(1, 1024),
        1,
        flag="--jobs",
    ),
    Option(
        "backend",
        "Where the searches run: joblib on this machine, dask on a cluster.",
        "evaluation",
        kinds.choice("joblib", "dask"),
        "joblib",
        flag="--backend",
    ),
    Option(
        "scheduler",
        "Address of a dask scheduler, such as tcp://HOST:8786.",
        "evaluation",
        kinds.text("ADDRESS"),
        None,
        none="no scheduler",
        flag="--scheduler",
    ),
)
SWEEP_OUT = Option(
    "out",
    "Folder for NAME.csv, NAME.png and the folder NAME of intermediate results, where NAME is the "
    "name of the sweep file.",
    "output",
    kinds.text("FOLDER"),
    "results",
    flag="--out",
)


def sweep_command(
    file: Annotated[Path, typer.Argument(help="Sweep file; experiments/ has examples.")],
    out: str = "results",
    force: bool = False,
    **given: Any,
) -> None:
    """Run many networks, devices, links, methods and memory limits; write one table."""
    from autosplit.sweep.backends import Where
    from autosplit.sweep.run import run_sweep

    start_s = time.perf_counter()
    swept = run_sweep(file, Path(out), Where(**given), force=force, progress=bar)
    say(f"{swept.text}; {time.perf_counter() - start_s:.1f} s")
    print(f"table:  {swept.table}")
    if swept.figure:
        print(f"figure: {swept.figure}")
