"""Seconds of many models in units of one of them: bursts of each beside bursts of ``all.onnx``.

    python experiments/latency_rounds.py FOLDER

A machine that others use changes its speed from second to second, by a third where this was
written.  A burst of a model is therefore followed by one of the reference, and what counts is the
median over rounds of the ratio of the two bursts' medians.  Prints JSON: model -> ratio.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

from autosplit.deploy.measure_models import profiling_session, random_inputs

ROUNDS, BURST, WARM = 7, 6, 2


def main(folder: Path) -> None:
    sessions = {path.stem: profiling_session(path, 1) for path in sorted(folder.glob("*.onnx"))}
    inputs = {name: random_inputs(session) for name, session in sessions.items()}

    def burst(name: str) -> float:
        return statistics.median(runs(sessions[name], inputs[name])[WARM:])

    ratios: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(ROUNDS):
        for name, found in ratios.items():
            here = burst(name)
            found.append(here / burst("all"))
    print(json.dumps({name: statistics.median(found) for name, found in ratios.items()}))


def runs(session: Any, inputs: dict[str, Any]) -> list[float]:
    """Seconds of each run of a burst."""
    seconds = []
    for _ in range(WARM + BURST):
        start = time.perf_counter()
        session.run(None, inputs)
        seconds.append(time.perf_counter() - start)
    return seconds


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="Has the models.")
    main(parser.parse_args().folder)
