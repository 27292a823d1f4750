"""The command ``detect``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from autosplit.cli.talk import bar


def detect_command(
    source: Annotated[
        Path,
        typer.Option(help="Picture or folder of pictures.", metavar="PATH", rich_help_panel="Data"),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="Folder for the drawings and detections.csv.",
            metavar="FOLDER",
            rich_help_panel="Output",
        ),
    ],
    run: Annotated[
        Path | None,
        typer.Option(
            help="Run folder with the network and the plan.",
            metavar="RUN",
            rich_help_panel="Network",
        ),
    ] = None,
    plan: Annotated[
        str | None,
        typer.Option(
            help="Plan to compare with the float network: a file, or a name in the run folder "
            "(default: the pick of the run folder).",
            metavar="NAME|FILE.yaml",
            rich_help_panel="Network",
        ),
    ] = None,
    trust: bool = False,
    **given: Any,
) -> None:
    """Draw the boxes of a detector: float network, plan, and the two compared."""
    from autosplit.detect.detector import make_detector
    from autosplit.detect.run import detect_pictures, list_pictures
    from autosplit.runs.plans import network_and_plan
    from autosplit.runs.trust import trusted_code

    shown = {name: given.pop(name) for name in ("confidence", "iou") if name in given}
    pictures = list_pictures(source)
    trusted_code(run, given, trust=trust)
    model, chosen = network_and_plan(run, given, plan)
    detector = make_detector(model, chosen, **shown)
    with bar(f"detect: {model.name}", len(pictures)) as advance:
        for seen in detect_pictures(detector, pictures, out):
            print(seen)
            advance(1)
    print(f"table:  {out / 'detections.csv'}")
