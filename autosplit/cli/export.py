"""The command ``export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autosplit.cli.talk import bar


def export_command(
    run: Annotated[
        Path | None,
        typer.Argument(
            help="Run folder (default: the only run folder in results/).", show_default=False
        ),
    ] = None,
    plan: str = "pick",
    check: int | None = None,
    out: str = "bundle",
    trust: bool = False,
) -> None:
    """Write the two halves of a plan as files that run without autosplit."""
    from autosplit.deploy.run import export_run
    from autosplit.runs.folder import find_folder
    from autosplit.runs.trust import trusted_code

    folder, source = Path(out), run or find_folder()
    trusted_code(source, {}, trust=trust)
    manifest, found = export_run(source, plan, folder, check, bar)
    for one in manifest.plans:
        files = [file for file in (one.edge, one.cloud) if file is not None]
        sizes = ", ".join(f"{file} {(folder / file).stat().st_size:,} bytes" for file in files)
        print(f"{one.name}: {sizes}")
        if one.name in found:
            print(f"  check: {found[one.name]}")
    print(f"bundle: {folder}")
