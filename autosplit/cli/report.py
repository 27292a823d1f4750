"""The command ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report_command(
    run: Annotated[
        Path | None,
        typer.Argument(
            help="Run folder (default: the only run folder in results/).", show_default=False
        ),
    ] = None,
    out: str = "report.html",
    measured: str | None = None,
) -> None:
    """Write all that is known of a run's plans as one HTML page.

    Example: autosplit report results/fashion_resnet --out fashion.html
    """
    from autosplit.runs.folder import find_folder
    from autosplit.runs.viewing import write_page

    folder = run or find_folder()
    size = write_page(folder, Path(out), None if measured is None else Path(measured))
    print(f"page: {out}, {size:,} bytes")
