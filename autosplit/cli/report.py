"""The command ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report_command(
    run: Annotated[
        Path | None,
        typer.Argument(
            help="Run folder (default: the only run folder in results/), or a sweep file that "
            "autosplit sweep has done.",
            show_default=False,
        ),
    ] = None,
    out: str = "report.html",
    measured: str | None = None,
    pictures: str | None = None,
) -> None:
    """Write all that is known of a run's plans, or of a sweep, as one HTML page.

    Example: autosplit report results/fashion_resnet --out fashion.html
    """
    from autosplit.errors import OptionError
    from autosplit.runs.folder import find_folder
    from autosplit.runs.viewing import write_page

    if run is not None and run.is_file():
        from autosplit.sweep.page import write_sweep_page

        if (measured, pictures) != (None, None):
            flag = "--pictures" if measured is None else "--measured"
            raise OptionError(f"{flag}: is for the page of a run folder, not of a sweep")
        print(f"page: {out}, {write_sweep_page(run, Path(out)):,} bytes")
        return
    folder = run or find_folder()
    more = (None if one is None else Path(one) for one in (measured, pictures))
    size = write_page(folder, Path(out), *more)
    print(f"page: {out}, {size:,} bytes")
