"""Seconds of layers from those of nodes, as a fresh process measured them (``measure_models.py``).

Fusion, changes of memory layout and caches are as they are when the network runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autosplit.deploy import measure_models
from autosplit.errors import DataError

MOST_SECONDS = 20.0
NOISY = 0.25
"""Half of the interval over the median from which runs are refused."""
BETWEEN_S = 5e-6
"""Most seconds that the runtime spends between two nodes."""
PART = "|"
"""What parts the name of a layer and a count in the name of a node."""


@dataclass(frozen=True, slots=True)
class NodeSeconds:
    """What the nodes of a model take.

    Attributes:
        nodes: Node, in the order in which they run -> median seconds of its kernel.
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
        foreign: Node that belongs to no layer -> its seconds, charged to the layer after it, which
            wants its input in another layout, or to the last one.
    """

    layers: Mapping[str, float]
    foreign: Mapping[str, float]


def measure_fresh(
    folder: Path, threads: int = 1, passes: int = 1, *, nodes: bool = True
) -> dict[str, NodeSeconds]:
    """Run every model of a folder in a process of its own until its median is known well enough.

    Args:
        folder: Has the models; gets what was measured.
        threads: Threads that onnxruntime computes with.
        passes: How often all models are measured; the fastest pass of each counts.
        nodes: Whether nodes are measured too.

    Returns:
        Name of a model's file without its ending -> what was measured.

    Raises:
        DataError: The process fails, or the runs of a model differ so much that no median is known.
    """
    script = str(measure_models.__file__)
    command = [sys.executable, script, str(folder), "--threads", str(threads)]
    command += ["--seconds", str(MOST_SECONDS / passes), "--passes", str(passes)]
    command += [] if nodes else ["--whole"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise DataError(f"profile: onnxruntime must run the network, {last}")
    return read_measured(json.loads((folder / "result.json").read_text(encoding="utf-8")))


def read_measured(result: Mapping[str, Any]) -> dict[str, NodeSeconds]:
    """What ``measure_models.py`` wrote.

    Raises:
        DataError: The runs of a model differ so much that no median is known.
    """
    found = {}
    for name, one in result["models"].items():
        median, spread, runs = one["whole_s"], one["spread"], one["runs"]
        if spread > NOISY and median > 1e-3:
            raise DataError(
                f"profile: the runs must agree, after {runs} of them the median of "
                f"{1e3 * median:.2f} ms is known within {100 * spread:.0f} % only; stop other "
                "programs, fix the processor's clock (governor 'performance'), and measure again"
            )
        found[name] = NodeSeconds(one["nodes"], median, spread, runs)
    return found


def scaled_nodes(nodes: Mapping[str, float], whole_s: float) -> dict[str, float]:
    """Seconds of nodes that add up to those of the whole.

    The profiler counts whole microseconds of kernels alone, and slows the runtime.  The runtime's
    work between kernels is about the same at each node, so what the whole takes beyond the kernels
    is first shared equally, up to ``BETWEEN_S``; then all nodes are scaled, up or down.

    Args:
        nodes: Node -> seconds.
        whole_s: Seconds of the whole, without the profiler.
    """
    rest = whole_s - sum(nodes.values())
    share = min(max(rest, 0.0) / max(len(nodes), 1), BETWEEN_S)
    shared = {name: seconds + share for name, seconds in nodes.items()}
    total = sum(shared.values())
    factor = whole_s / total if total else 1.0
    return {name: factor * seconds for name, seconds in shared.items()}


def layer_times(nodes: Mapping[str, float], layers: Sequence[str]) -> LayerTimes:
    """Add nodes up by layer.

    Args:
        nodes: Node -> seconds, in the order in which they run; the name of one that belongs to a
            layer starts with the layer's and ``PART`` (``node_layers.name_nodes``).
        layers: Every layer.
    """
    found = dict.fromkeys(layers, 0.0)
    foreign: dict[str, float] = {}
    waiting = 0.0
    last = layers[-1]
    for name, seconds in nodes.items():
        own = name.partition(PART)[0]
        waiting += seconds
        if own in found and PART in name:
            found[own] += waiting
            last, waiting = own, 0.0
        else:
            foreign[name] = seconds
    found[last] += waiting
    return LayerTimes(found, foreign)
