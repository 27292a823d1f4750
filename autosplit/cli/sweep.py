"""The command ``sweep``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from autosplit.cli.talk import bar, say


def sweep_command(
    file: Annotated[Path, typer.Argument(help="Sweep file; experiments/ has examples.")],
    out: str = "results",
    force: bool = False,
    trust: bool = False,
    **given: Any,
) -> None:
    """Run many networks, devices, links, methods and memory limits; write one table."""
    from autosplit.sweep.backends import Where
    from autosplit.sweep.run import run_sweep

    start_s = time.perf_counter()
    swept = run_sweep(file, Path(out), Where(**given), force=force, trust=trust, progress=bar)
    say(f"{swept.text}; {time.perf_counter() - start_s:.1f} s")
    print(f"table:  {swept.table}")
    if swept.figure:
        print(f"figure: {swept.figure}")
