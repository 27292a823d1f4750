"""Measure ONNX models on a machine that needs no autosplit: seconds of the whole and of each node.

    python measure_models.py FOLDER --threads 1

runs every ``FOLDER/*.onnx`` on random inputs, batch 1, and writes ``FOLDER/result.json`` and, for
each model, the form into which onnxruntime optimized it.  If there is a ``reference.onnx``, some
runs of it stand beside each round of every model, so that a machine whose speed changes is noticed
and can be accounted for.  Rounds without onnxruntime's profiler and
rounds with it take turns, so that both see the same machine; they go on until the 95 % confidence
interval of the median of the whole (from order statistics) is narrow enough.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import platform
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

WARM_RUNS = 3
"""Runs that are not counted."""
ROUND = 10
"""Runs after which the interval is looked at."""
MOST_RUNS = 300
NARROW = 0.02
"""Half of the interval over the median at which the runs end."""
BESIDE = 4
"""Runs of the reference in each round."""
OPTIMIZED = ".optimized.onnx"
BESIDE_FILE = "reference.onnx"
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
_SUFFIX = "_kernel_time"
_KINDS = {
    "tensor(float)": np.float32,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
    "tensor(uint8)": np.uint8,
}


def measure_folder(
    folder: Path, threads: int, seconds: float, passes: int = 1, *, nodes: bool
) -> dict[str, Any]:
    """Measure every model of a folder.

    Args:
        folder: Has the models.
        threads: Threads that onnxruntime computes with.
        seconds: Most seconds of each model in each pass.
        passes: How often all models are measured, one after the other; of each model the pass with
            the least median counts, for other programs make nothing faster.
        nodes: Whether nodes are measured too.
    """
    import onnxruntime

    every = [one for one in sorted(folder.glob("*.onnx")) if not one.name.endswith(OPTIMIZED)]
    paths = [one for one in every if one.name != BESIDE_FILE]
    beside = folder / BESIDE_FILE
    asked = (threads, seconds, beside if beside in every else None)
    found: dict[str, Any] = {
        "schema": "autosplit/measured/1",
        "onnxruntime": onnxruntime.__version__,
        "machine": platform.machine(),
        "threads": threads,
        "governor": _GOVERNOR.read_text().strip() if _GOVERNOR.is_file() else "",
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
        "files": {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in every},
        "models": {},
    }
    models = found["models"]
    for path in paths * passes:
        one = measure_model(path, *asked, nodes=nodes)
        if path.stem not in models or one["whole_s"] < models[path.stem]["whole_s"]:
            models[path.stem] = one
    return found | {"checksum": checksum(found)}


def checksum(found: Mapping[str, Any]) -> str:
    """SHA-256 of what was measured, without the checksum itself."""
    rest = {key: value for key, value in found.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def measure_model(
    path: Path, threads: int, seconds: float, reference: Path | None = None, *, nodes: bool
) -> dict[str, Any]:
    """Measure one model.

    Args:
        path: The model.
        threads: Threads that onnxruntime computes with.
        seconds: Most seconds.
        reference: A model that runs beside it; None: none does.
        nodes: Whether nodes are measured too.

    Returns:
        ``whole_s``, the median; ``spread``, half of its interval over it; ``runs``; ``nodes``, node
        in the order in which they run -> median seconds of its kernel; ``reference_s``, the median
        of the reference, or 0.
    """
    plain = profiling_session(path, threads)
    inputs = random_inputs(plain)
    other = None if reference is None else profiling_session(reference, threads)
    beside: list[float] = []

    def run_beside() -> None:
        if other is not None:
            beside.extend(_runs(other, other_inputs, BESIDE)[1:])

    other_inputs = {} if other is None else random_inputs(other)
    with tempfile.TemporaryDirectory() as place:
        profiled = profiling_session(path, threads, Path(place) / "profile") if nodes else None
        whole = _rounds(plain, profiled, inputs, seconds, run_beside)
        events = []
        if profiled is not None:
            events = json.loads(Path(profiled.end_profiling()).read_text(encoding="utf-8"))
    return {
        "whole_s": statistics.median(whole),
        "spread": half_interval(whole),
        "runs": len(whole),
        "nodes": node_medians(events),
        "reference_s": statistics.median(beside) if beside else 0.0,
    }


def _rounds(
    plain: Any,
    profiled: Any,
    inputs: Mapping[str, Any],
    seconds: float,
    run_beside: Callable[[], None] = lambda: None,
) -> list[float]:
    """Seconds of the runs without the profiler."""
    for session in (plain, profiled):
        for _ in range(WARM_RUNS if session is not None else 0):
            session.run(None, inputs)
    whole: list[float] = []
    began = time.perf_counter()
    while len(whole) < MOST_RUNS and time.perf_counter() - began < seconds:
        whole += _runs(plain, inputs, ROUND)
        run_beside()
        for _ in range(ROUND if profiled is not None else 0):
            profiled.run(None, inputs)
        if len(whole) > 2 * ROUND and half_interval(whole) < NARROW:
            break
    return whole


def _runs(session: Any, inputs: Mapping[str, Any], count: int) -> list[float]:
    """Seconds of each of so many runs."""
    seconds = []
    for _ in range(count):
        start = time.perf_counter()
        session.run(None, inputs)
        seconds.append(time.perf_counter() - start)
    return seconds


def node_medians(events: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Node -> median seconds, from the events of onnxruntime's profiler, without the warm runs."""
    times: dict[str, list[float]] = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith(_SUFFIX):
            times[event["name"].removesuffix(_SUFFIX)].append(1e-6 * event["dur"])
    return {name: statistics.median(found[WARM_RUNS:] or found) for name, found in times.items()}


def half_interval(seconds: Sequence[float]) -> float:
    """Half of the 95 % confidence interval of the median, over the median.

    The interval ends at the order statistics n/2 -+ 0.98 sqrt(n), by the normal approximation of
    the binomial (Conover, Practical Nonparametric Statistics, section 3.2).
    """
    ordered, count = sorted(seconds), len(seconds)
    reach = 0.98 * math.sqrt(count)
    low = max(math.floor(count / 2 - reach), 0)
    high = min(math.ceil(count / 2 + reach), count - 1)
    return (ordered[high] - ordered[low]) / 2 / statistics.median(ordered)


def profiling_session(path: Path, threads: int, profile: Path | None = None) -> Any:
    """A session with the options of a bundle's, with a profile if a place is given."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.x64quantprecision", "1")
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile)
        options.optimized_model_filepath = str(path.with_suffix(OPTIMIZED))
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def random_inputs(session: Any) -> dict[str, Any]:
    """Normal numbers, seed 0, for every input of floats, zeros for others; batch 1."""
    numbers = np.random.default_rng(0)
    found: dict[str, Any] = {}
    for one in session.get_inputs():
        shape, kind = [d if isinstance(d, int) else 1 for d in one.shape], _KINDS[one.type]
        normal = numbers.normal(size=shape) if kind is np.float32 else np.zeros(shape)
        found[one.name] = normal.astype(kind)
    return found


def measure_asked() -> None:
    """Measure the models of a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=20.0, help="Most seconds of each model.")
    parser.add_argument("--passes", type=int, default=1, help="The fastest of so many counts.")
    parser.add_argument("--whole", action="store_true", help="The whole alone, without nodes.")
    asked = parser.parse_args()
    about = asked.folder, asked.threads, asked.seconds, asked.passes
    found = measure_folder(*about, nodes=not asked.whole)
    (asked.folder / "result.json").write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    measure_asked()
