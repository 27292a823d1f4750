"""Seconds of every node of a model, from onnxruntime's own profiler on the whole network.

Fusion, changes of memory layout and caches are as they are when the network runs.  Runs go on until
the 95 % confidence interval of the median of the whole (from order statistics) is narrow enough.
"""

from __future__ import annotations

import json
import math
import re
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autosplit.errors import DataError

WARM_RUNS = 3
"""Runs that are not counted."""
ROUND = 10
"""Runs after which the interval is looked at."""
MOST_RUNS = 300
MOST_SECONDS = 20.0
NARROW, NOISY = 0.02, 0.25
"""Half of the interval over the median: where the runs end, and from which they are refused."""
_SUFFIX = "_kernel_time"


@dataclass(frozen=True, slots=True)
class NodeSeconds:
    """What the nodes of a model take.

    Attributes:
        nodes: Node, in the order in which they run -> median seconds, with its share of what the
            runtime spends between nodes.
        whole_s: Median seconds of the whole, without the profiler.
        spread: Half of the 95 % confidence interval of ``whole_s`` over ``whole_s``.
        runs: Runs that were counted.
    """

    nodes: Mapping[str, float]
    whole_s: float
    spread: float
    runs: int


@dataclass(frozen=True, slots=True)
class LayerTimes:
    """What layers take.

    Attributes:
        layers: Layer -> seconds; a layer that the runtime runs no node for takes 0.
        foreign: Node that belongs to no layer -> its seconds, charged to the layer before it, or to
            the first one.
    """

    layers: Mapping[str, float]
    foreign: Mapping[str, float]


def measure_nodes(model: bytes, threads: int = 1) -> NodeSeconds:
    """Run a model on zeros, batch 1, until its median is known well enough.

    Args:
        model: An ONNX model.
        threads: Threads that it computes with.

    Raises:
        DataError: The runs differ so much that no median is known.
    """
    with tempfile.TemporaryDirectory() as folder:
        session = _session(model, threads, None)
        inputs = _zeros(session)
        whole = _run(session, inputs)
        session = _session(model, threads, Path(folder) / "profile")
        for _ in range(WARM_RUNS + len(whole)):
            session.run(None, inputs)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    spread = half_interval(whole)
    median = statistics.median(whole)
    if spread > NOISY:
        raise DataError(
            f"profile: the runs must agree, after {len(whole)} of them the median of "
            f"{1e3 * median:.2f} ms is known within {100 * spread:.0f} % only; stop other "
            "programs, fix the processor's clock (governor 'performance'), and measure again"
        )
    return NodeSeconds(shared_rest(node_medians(events), median), median, spread, len(whole))


def shared_rest(nodes: Mapping[str, float], whole_s: float) -> dict[str, float]:
    """Give each node an equal share of what the whole takes beyond the sum of the nodes.

    The profiler counts whole microseconds of kernels alone; the runtime's work between them is
    about the same at each node.

    Args:
        nodes: Node -> seconds.
        whole_s: Seconds of the whole, without the profiler.
    """
    rest = max(whole_s - sum(nodes.values()), 0.0) / max(len(nodes), 1)
    return {name: seconds + rest for name, seconds in nodes.items()}


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


def layer_times(
    nodes: Mapping[str, float], owner: Mapping[str, str | None], layers: Sequence[str]
) -> LayerTimes:
    """Add nodes up by layer.

    Args:
        nodes: Node -> seconds, in the order in which they run.
        owner: Name of a node or value -> layer, as ``node_layers`` gives it.
        layers: Every layer.
    """
    found = dict.fromkeys(layers, 0.0)
    foreign: dict[str, float] = {}
    before = layers[0]
    for name, seconds in nodes.items():
        own = owner.get(re.sub(r"_nchwc$|_token_\d+$", "", name))
        if own not in found:
            foreign[name] = seconds
        before = own if own in found and own is not None else before
        found[before] += seconds
    return LayerTimes(found, foreign)


def _session(model: bytes, threads: int, profile: Path | None) -> Any:
    """A session as ``sessions.open_session`` makes it, with a profile if a place is given."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.x64quantprecision", "1")
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _run(session: Any, inputs: Mapping[str, Any]) -> list[float]:
    """Seconds of each run that counts."""
    for _ in range(WARM_RUNS):
        session.run(None, inputs)
    whole: list[float] = []
    began = time.perf_counter()
    while len(whole) < MOST_RUNS and time.perf_counter() - began < MOST_SECONDS:
        for _ in range(ROUND):
            start = time.perf_counter()
            session.run(None, inputs)
            whole.append(time.perf_counter() - start)
        if len(whole) > 2 * ROUND and half_interval(whole) < NARROW:
            break
    return whole


def _zeros(session: Any) -> dict[str, Any]:
    """Zeros for every input, batch 1."""
    kinds = {
        "tensor(float)": np.float32,
        "tensor(int64)": np.int64,
        "tensor(int32)": np.int32,
        "tensor(bool)": np.bool_,
        "tensor(uint8)": np.uint8,
    }
    return {
        one.name: np.zeros([d if isinstance(d, int) else 1 for d in one.shape], kinds[one.type])
        for one in session.get_inputs()
    }
