"""The command ``emit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autosplit.runs import kinds
from autosplit.runs.option import Option

FORMAT = Option(
    "format",
    "Format: native is autosplit's YAML, distiller is the YAML of Intel Distiller.",
    "output",
    kinds.choice("native", "distiller"),
    "native",
    flag="--format",
)


def emit_command(
    plan: Annotated[
        str,
        typer.Argument(
            help="Name of a plan; pick (the default) is the picked plan.", show_default=False
        ),
    ] = "pick",
    run: Annotated[
        Path | None,
        typer.Option(
            help="Run folder (default: the only run folder in results/).",
            metavar="RUN",
            rich_help_panel="Network",
        ),
    ] = None,
    format: str = "native",  # noqa: A002 - the word of the option
) -> None:
    """Print a plan of a run folder, as the search wrote it."""
    from autosplit.runs.folder import find_folder
    from autosplit.runs.plans import emit_plan

    print(emit_plan(run or find_folder(), plan, format), end="")
