"""The command ``emit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autosplit.runs import kinds
from autosplit.runs.option import Option

FORMAT = Option(
    "format",
    "Form of the plan: native is its own YAML, distiller that of Intel's Distiller.",
    "output",
    kinds.choice("native", "distiller"),
    "native",
    flag="--format",
)


def emit_command(
    plan: Annotated[
        str,
        typer.Argument(help="Name of a plan, or pick for the picked one.", show_default=False),
    ] = "pick",
    run: Annotated[
        Path | None,
        typer.Option(
            help="Run folder to read (default: the only one in results/).",
            metavar="RUN",
            rich_help_panel="Network",
        ),
    ] = None,
    format: str = "native",  # noqa: A002 - the word of the option
) -> None:
    """Print a plan of a run folder as it was searched."""
    from autosplit.runs.folder import find_folder
    from autosplit.runs.plans import emit_plan

    print(emit_plan(run or find_folder(), plan, format), end="")
