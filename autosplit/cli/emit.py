"""The command ``emit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def emit_command(
    plan: Annotated[
        str,
        typer.Argument(
            help="Name of a plan; pick (the default) is the picked plan.", show_default=False
        ),
    ] = "pick",
    run: str | None = None,
    format: str = "native",  # noqa: A002 - the word of the option
) -> None:
    """Print a plan of a run folder, as the search wrote it."""
    from autosplit.runs.folder import find_folder
    from autosplit.runs.plans import emit_plan

    print(emit_plan(Path(run) if run else find_folder(), plan, format), end="")
