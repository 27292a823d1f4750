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
    format: tuple[str, ...] = ("onnx",),  # noqa: A002 - the option is --format
    profile_kit: bool = False,
    out: str | None = None,
    trust: bool = False,
) -> None:
    """Write the two halves of a plan as files that run without autosplit."""
    if profile_kit:
        _export_kit(run, Path(out or "kit"))
        return
    from autosplit.deploy.bundle_bytes import bytes_table
    from autosplit.deploy.run import export_run
    from autosplit.errors import OptionError
    from autosplit.runs.folder import find_folder
    from autosplit.runs.trust import trusted_code

    folder, source = Path(out or "bundle"), run or find_folder()
    trusted_code(source, {}, trust=trust)
    if check is not None and "onnx" not in format:
        raise OptionError("--check: needs --format onnx, the files that it runs")
    manifest, found = export_run(source, plan, folder, check, bar, format)
    for name, one in found.items():
        print(f"{name}: {one}")
    print(bytes_table(manifest, folder, {name: one.sent_bytes for name, one in found.items()}))
    print(f"bundle: {folder}")


def _export_kit(run: Path | None, out: Path) -> None:
    from autosplit.deploy.kit import write_kit
    from autosplit.errors import OptionError

    if run is not None:
        raise OptionError(f"--profile-kit: is of no run, got {run}")
    write_kit(out, bar)
    print(f"kit: {out}; README.txt in it says what to run on the device")
