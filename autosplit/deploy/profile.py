"""The profile of this machine for one network: every layer as integers and as floats, measured."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autosplit.capture.program import Program
from autosplit.deploy.edge_onnx import edge_onnx, example_inputs
from autosplit.deploy.extras import need
from autosplit.deploy.node_layers import float_layers, integer_layers
from autosplit.deploy.node_seconds import LayerTimes, NodeSeconds, layer_times, measure_nodes
from autosplit.deploy.onnx_export import AnyInputs, export_onnx
from autosplit.errors import warn
from autosplit.files import write_csv, write_yaml
from autosplit.graph.graph import Graph
from autosplit.halves.partition import cloud_part
from autosplit.hardware.tablefile import WIDTHS_HEADER
from autosplit.plan.int8_weights import int8_stats
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile
from autosplit.runs.folder import read_graph
from autosplit.runs.needs import require
from autosplit.runs.network import capture_network, load_network
from autosplit.runs.options import StatsOptions
from autosplit.runs.planning import plan_files
from autosplit.runs.stamps import resolve
from autosplit.stats.stats import Stats
from autosplit.stats.statsfile import read_stats

INTEGER_BITS, REAL_BITS = 8, 32
"""Widths at which onnxruntime computes on processors."""
INT8_WEIGHTS = "depthwise"
"""Weights that onnxruntime runs slowly unless their levels are int8 (``deploy/edge_onnx.py``)."""
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


@dataclass(frozen=True, slots=True)
class ProfiledWidth:
    """A network at one compute width.

    Attributes:
        bits: The width.
        nodes: Seconds of its nodes.
        times: Seconds of its layers.
    """

    bits: int
    nodes: NodeSeconds
    times: LayerTimes


def profile_run(folder: Path, threads: int, out: Path) -> list[ProfiledWidth]:
    """Measure the network of a run folder on this machine, and write a device profile.

    Args:
        folder: Run folder, after ``stats``.
        threads: Threads that onnxruntime computes with.
        out: The profile, a YAML file; its table stands beside it.

    Raises:
        StageError: ``stats`` is not done, or a library is missing.
        ModelError: ONNX has no form of an operator.
        DataError: The runs differ too much.
    """
    need("export", "onnx", "onnxruntime", "onnxscript")
    options = resolve({}, require(folder, "stats", "profile"), StatsOptions())
    graph = read_graph(folder)
    program = capture_network(load_network(options), equalized=graph.equalized)
    stats = replace(read_stats(folder), clipping=options.clipping)
    warn_of_load()
    found = [
        profile_integers(program, whole_plan(graph, stats), threads),
        profile_floats(program, threads),
    ]
    write_profile(graph, found, threads, out)
    return found


def whole_plan(graph: Graph, stats: Stats) -> PlanFile:
    """The plan that computes all of a network on the edge at 8 bits, for onnxruntime."""
    cut = graph.prefix(len(graph.layers))
    weights = dict.fromkeys(cut.weights, INTEGER_BITS)
    activations = graph.widths(dict.fromkeys(cut.edge_tensors, INTEGER_BITS))
    plan = Plan("profile", "profile", cut.edge, weights, activations, 0.0, 0.0, 0, 0)
    (file,) = plan_files([plan], graph, int8_stats(graph, stats, INT8_WEIGHTS))
    return file


def profile_integers(program: Program, file: PlanFile, threads: int) -> ProfiledWidth:
    """Measure a network as integers.

    Args:
        program: The captured network.
        file: A plan that computes all of it on the edge, at 8 bits.
        threads: Threads that onnxruntime computes with.
    """
    model = edge_onnx(program, file)
    nodes = measure_nodes(model.SerializeToString(), threads)
    owner = integer_layers(model, program)
    return ProfiledWidth(
        INTEGER_BITS, nodes, layer_times(nodes.nodes, owner, list(program.graph.by_name))
    )


def profile_floats(program: Program, threads: int) -> ProfiledWidth:
    """Measure a network as floats, as ``profile_integers`` does as integers."""
    half = cloud_part(program, program.graph.cut(()))
    axes = [program.layouts[name].axis for name in half.reads]
    example = example_inputs(program, half)
    model = export_onnx(AnyInputs(half.module()), example, axes, half.reads, half.writes)
    nodes = measure_nodes(model.SerializeToString(), threads)
    owner = float_layers(model, program)
    return ProfiledWidth(
        REAL_BITS, nodes, layer_times(nodes.nodes, owner, list(program.graph.by_name))
    )


def write_profile(
    graph: Graph, found: list[ProfiledWidth], threads: int, out: Path, name: str | None = None
) -> None:
    """Write a device profile of model ``table``, and its table beside it.

    Args:
        graph: The network.
        found: What was measured, a width each.
        threads: Threads that onnxruntime computed with.
        out: The profile, a YAML file.
        name: Name of the device; that of the file if None.
    """
    import onnxruntime

    rows: list[Mapping[str, Any]] = [
        {
            "layer": layer.name,
            "weight_bits": one.bits if layer.weight_elements else 0,
            "activation_bits": one.bits,
            "seconds": one.times.layers[layer.name],
        }
        for layer in graph.layers
        for one in found
    ]
    table = out.with_suffix(".csv")
    write_csv(table, WIDTHS_HEADER, rows)
    runs = ", ".join(f"{one.nodes.runs} runs at {one.bits} bits" for one in found)
    about = {
        "name": name or out.stem,
        "source": f"Measured by autosplit profile: layers of {graph.name} in onnxruntime "
        f"{onnxruntime.__version__} on {platform.machine()}, threads: {threads}, batch 1, medians "
        f"of its profiler over {runs}.",
        "model": "table",
        "table": table.name,
        "float_bits": REAL_BITS,
        "int8_weights": INT8_WEIGHTS,
    }
    write_yaml(out, "device", about, 2)


def warn_of_load() -> None:
    """Warn where other programs or a changing clock disturb what is measured."""
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if busy > 0.5 * (os.cpu_count() or 1):
        warn(f"profile: other programs use the processor (load {busy:.1f}); seconds are too long")
    if _GOVERNOR.is_file() and _GOVERNOR.read_text().strip() != "performance":
        warn(f"profile: the processor's clock changes (governor {_GOVERNOR.read_text().strip()})")


def profile_words(found: list[ProfiledWidth]) -> str:
    """What was measured, a line for each width."""
    lines = []
    for one in found:
        total, foreign = sum(one.times.layers.values()), sum(one.times.foreign.values())
        lines.append(
            f"{one.bits} bits: whole {1e3 * one.nodes.whole_s:.2f} ms (within "
            f"{100 * one.nodes.spread:.1f} % after {one.nodes.runs} runs), sum of layers "
            f"{1e3 * total:.2f} ms; of these {1e3 * foreign:.2f} ms in {len(one.times.foreign)} "
            "nodes of no layer, charged to the layer before"
        )
    return "\n".join(lines)
