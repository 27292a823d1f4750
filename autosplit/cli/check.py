"""The command ``check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autosplit.cli.talk import bar, say


def check_command(
    file: Annotated[Path, typer.Argument(help="File of checks; experiments/ci.yaml is one.")],
    out: str | None = None,
    junit: str | None = None,
    baseline: str | None = None,
    update: bool = False,
    trust: bool = False,
) -> None:
    """Run a small network and check what its plans lose, take and send; status 1 if one fails.

    Example: autosplit check experiments/ci.yaml --junit checks.xml --baseline results/ci.json
    """
    from autosplit.errors import OptionError
    from autosplit.files import read_csv, read_header, read_yaml
    from autosplit.plainfile import exists
    from autosplit.runs.checks.checkfile import read_checks
    from autosplit.runs.checks.judge import judge_checks
    from autosplit.runs.checks.outcome import (
        outcome_table,
        read_baseline,
        write_baseline,
        write_junit,
    )
    from autosplit.runs.folder import RESULTS
    from autosplit.runs.stages.run import run as run_stages
    from autosplit.runs.summary import FULL_TABLE
    from autosplit.runs.trust import trusted_code

    if update and baseline is None:
        raise OptionError("--update: needs --baseline FILE, the file to store the values in")
    asked = read_checks(file)
    stored = None if baseline is None else Path(baseline)
    before = read_baseline(stored) if stored and not update and exists(stored) else None
    if stored and not update and before is None:
        raise OptionError(f"--baseline: {stored} must exist; make it with --update")
    folder = RESULTS / file.stem if out is None else Path(out)
    trusted_code(folder, dict(asked.options), trust=trust)
    for outcome in run_stages(folder, asked.options, progress=bar):
        if outcome.stage != "collect":
            say(outcome.text)
    summary = folder / FULL_TABLE
    rows = read_csv(summary, read_header(summary))
    picked = read_yaml(folder / "pick.yaml", "pick")["picks"]
    judged = judge_checks(asked.checks, rows, {link: one["plan"] for link, one in picked.items()})
    print(outcome_table(judged, before))
    if junit is not None:
        write_junit(Path(junit), judged, file.stem)
    if stored and update:
        write_baseline(stored, judged)
    failed = sum(not one.holds for one in judged)
    print(f"check: {len(judged) - failed} of {len(judged)} hold")
    if failed:
        raise typer.Exit(1)
