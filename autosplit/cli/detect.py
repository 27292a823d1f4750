"""The command ``detect``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autosplit.cli.talk import bar, say


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
    from autosplit.detect.run import detect_pictures, list_pictures
    from autosplit.runs.plans import network_and_plan
    from autosplit.runs.trust import trusted_code

    shown = {name: given.pop(name) for name in ("confidence", "iou") if name in given}
    place, folder = Path(out), None if run is None else Path(run)
    pictures = list_pictures(Path(source))
    trusted_code(folder, given, trust=trust)
    model, chosen = network_and_plan(folder, given, plan)
    detector = make_detector(model, chosen, **shown)
    say(f"input: {described(model.preprocess)}")
    with bar(f"detect: {model.name}", len(pictures)) as advance:
        for seen in detect_pictures(detector, pictures, place):
            print(seen)
            advance(1)
    print(f"table:  {place / 'detections.csv'}")
