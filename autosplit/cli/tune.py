"""The command ``tune``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from autosplit.cli.talk import bar
from autosplit.runs.options import TuneOptions


def tune_command(
    run: Annotated[
        Path | None,
        typer.Argument(
            help="Run folder (default: the only run folder in results/).", show_default=False
        ),
    ] = None,
    trust: bool = False,
    **given: Any,
) -> None:
    """Train a finished plan with its integers (QAT); without --plan, the network in float.

    Example: autosplit tune results/fashion_resnet --plan pick --data fashion-mnist:DIR --epochs 1
    """
    options = TuneOptions(**given)
    from autosplit.compress.run_finetune import run_finetune
    from autosplit.compress.run_tune import run_tune, run_tune_picks
    from autosplit.runs.folder import find_folder
    from autosplit.runs.trust import trusted_code

    folder = run or find_folder()
    trusted_code(folder, given, trust=trust)
    if options.plan == "picks":
        print("\n\n".join(report.text() for report in run_tune_picks(folder, options, bar)))
        return
    train = run_finetune if options.plan is None else run_tune
    report = train(folder, options, bar)
    if report is not None:  # one process of several writes the files
        print(report.text())
