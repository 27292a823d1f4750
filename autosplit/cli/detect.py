"""The command ``detect``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from autosplit.cli.talk import bar, say_error


def detect_command(
    source: str,
    out: str,
    run: str | None = None,
    plan: str | None = None,
    trust: bool = False,
    **given: Any,
) -> None:
    """Draw the boxes of a detector: float network, plan, and the two compared."""
    from autosplit.data.asked_preprocess import described
    from autosplit.detect.detector import make_detector
    from autosplit.detect.run import BrokenSource, DetectRun
    from autosplit.detect.sources import detect_sources
    from autosplit.detect.step_seconds import times_table
    from autosplit.detect.video import frame_count
    from autosplit.runs.plans import network_and_plan
    from autosplit.runs.trust import trusted_code

    shown = {name: given.pop(name) for name in ("score", "iou") if name in given}
    most = given.pop("frames", None)
    place, folder = Path(out), None if run is None else Path(run)
    sources = detect_sources(source)
    trusted_code(folder, given, trust=trust)
    model, chosen = network_and_plan(folder, given, plan)
    detector = make_detector(model, chosen, **shown)
    about = f"{detector.about}\ninput:   {described(model.preprocess)}"
    broken = 0
    with bar(f"detect: {model.name}", frame_count(sources, most)) as advance:
        work = DetectRun(detector, place, most, advance)
        for seen in work.run(sources):
            if isinstance(seen, BrokenSource):
                broken += 1
                say_error(str(seen))
                continue
            if about:
                print(about)
                about = ""
            print(seen)
    if work.seconds:
        print(times_table(work.seconds))
        print(f"table:   {place / 'detections.csv'}, times in {place / 'times.csv'}")
    if broken:
        raise typer.Exit(1)
