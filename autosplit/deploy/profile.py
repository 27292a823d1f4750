"""The profile of this machine for one network: every layer as integers and as floats, measured."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autosplit.capture.program import Program
from autosplit.deploy.crossing_seconds import crossing_seconds, layouts
from autosplit.deploy.edge_module import example_inputs
from autosplit.deploy.edge_onnx import edge_onnx
from autosplit.deploy.extras import need
from autosplit.deploy.measure_models import OPTIMIZED, profiling_session, random_inputs
from autosplit.deploy.node_layers import (
    marking,
    name_nodes,
    quantized_ends,
    take_marks,
    tensors_in_order,
)
from autosplit.deploy.node_seconds import (
    LayerTimes,
    NodeSeconds,
    layer_times,
    measure_fresh,
    scaled_nodes,
)
from autosplit.deploy.onnx_export import AnyInputs, export_onnx
from autosplit.deploy.power import active_w, package_counters, power_words
from autosplit.errors import warn
from autosplit.files import write_csv, write_yaml
from autosplit.graph.graph import Graph
from autosplit.halves.partition import cloud_part
from autosplit.hardware.tablefile import CROSSING_HEADER
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

if TYPE_CHECKING:
    from onnx import ModelProto

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


@dataclass(frozen=True, slots=True)
class NetworkProfile:
    """What was measured of a network.

    Attributes:
        widths: The network at each compute width.
        crossings: Tensor -> seconds to give it on the edge, and to take it in the cloud.
        active_w: Watts of the network as integers beyond those at rest; None if not known.
    """

    widths: tuple[ProfiledWidth, ...]
    crossings: Mapping[str, tuple[float, float]]
    active_w: float | None = None


def profile_run(folder: Path, threads: int, out: Path) -> NetworkProfile:
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
    found = profile_network(program, whole_plan(graph, stats), threads)
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


def profile_network(program: Program, file: PlanFile, threads: int) -> NetworkProfile:
    """Measure a network in a fresh process: as integers, as floats, and what it costs to cross.

    Args:
        program: The captured network.
        file: A plan that computes all of it on the edge, at 8 bits.
        threads: Threads that onnxruntime computes with.
    """
    import onnx

    models = {INTEGER_BITS: integers_of(program, file), REAL_BITS: floats_of(program)}
    with tempfile.TemporaryDirectory() as place:
        folder, small = Path(place) / "whole", Path(place) / "crossing"
        folder.mkdir()
        small.mkdir()
        for bits, model in models.items():
            onnx.save(model, folder / f"{bits}.onnx")
        measured = measure_fresh(folder, threads)
        widths = tuple(_profiled(bits, measured[str(bits)], program.graph) for bits in models)
        integers, floats = (layouts(onnx.load(folder / f"{bits}{OPTIMIZED}")) for bits in models)
        prices = crossing_seconds(program.graph, integers, floats, small, threads)
        watts = _active_w(folder / f"{INTEGER_BITS}.onnx", threads)
    return NetworkProfile(widths, prices, watts)


def _active_w(path: Path, threads: int) -> float | None:
    """Watts of a model that runs, beyond those at rest, where the processor counts its energy."""
    if not package_counters():
        return None
    session = profiling_session(path, threads)
    inputs = random_inputs(session)
    return active_w(lambda: session.run(None, inputs))


def _profiled(bits: int, found: NodeSeconds, graph: Graph) -> ProfiledWidth:
    times = layer_times(scaled_nodes(found.nodes, found.whole_s), list(graph.by_name))
    return ProfiledWidth(bits, found, times)


def integers_of(program: Program, file: PlanFile) -> ModelProto:
    """A network as integers, its nodes named by layer."""
    model = edge_onnx(program, file)
    name_nodes(model, quantized_ends(model, program, file))
    return model


def floats_of(program: Program) -> ModelProto:
    """A network as floats, its nodes named by layer."""
    tensors = tensors_in_order(program)
    half = cloud_part(program, program.graph.cut(()), marking(tensors))
    axes = [program.layouts[name].axis for name in half.reads]
    example = example_inputs(program, half)
    model = export_onnx(AnyInputs(half.module()), example, axes, half.reads, half.writes)
    name_nodes(model, take_marks(model, tensors))
    return model


def write_profile(
    graph: Graph, found: NetworkProfile, threads: int, out: Path, name: str | None = None
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

    weights = {layer.name for layer in graph.layers if layer.weight_elements}
    rows: list[Mapping[str, Any]] = [
        {
            "layer": name,
            "weight_bits": one.bits if name in weights else 0,
            "activation_bits": one.bits,
            "seconds": one.times.layers.get(name, 0.0),
            "give_s": found.crossings.get(name, (0.0, 0.0))[0],
            "take_s": found.crossings.get(name, (0.0, 0.0))[1],
        }
        for name in graph.tensors
        for one in found.widths
    ]
    table = out.with_suffix(".csv")
    write_csv(table, CROSSING_HEADER, rows)
    runs = ", ".join(f"{one.nodes.runs} runs at {one.bits} bits" for one in found.widths)
    about: dict[str, Any] = {
        "name": name or out.stem,
        "source": f"Measured by autosplit profile: layers of {graph.name} in onnxruntime "
        f"{onnxruntime.__version__} on {platform.machine()}, threads: {threads}, batch 1, medians "
        f"of its profiler over {runs}.",
        "model": "table",
        "table": table.name,
        "float_bits": REAL_BITS,
        "int8_weights": INT8_WEIGHTS,
        "runtime": f"onnxruntime {onnxruntime.__version__}",
    }
    if found.active_w is not None:
        about["active_w"] = found.active_w
        about["source"] += " active_w: energy counters of the processor's packages (RAPL)."
    write_yaml(out, "device", about, 2)


def warn_of_load() -> None:
    """Warn where other programs or a changing clock disturb what is measured."""
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if busy > 0.5 * (os.cpu_count() or 1):
        warn(f"profile: other programs use the processor (load {busy:.1f}); seconds are too long")
    if _GOVERNOR.is_file() and _GOVERNOR.read_text().strip() != "performance":
        warn(f"profile: the processor's clock changes (governor {_GOVERNOR.read_text().strip()})")


def profile_words(found: NetworkProfile) -> str:
    """What was measured, a line for each width, and what it costs to cross."""
    lines = []
    for one in found.widths:
        kernels, foreign = sum(one.nodes.nodes.values()), sum(one.times.foreign.values())
        lines.append(
            f"{one.bits} bits: whole {1e3 * one.nodes.whole_s:.2f} ms (within "
            f"{100 * one.nodes.spread:.1f} % after {one.nodes.runs} runs), sum of its kernels "
            f"{1e3 * kernels:.2f} ms; {1e3 * foreign:.2f} ms in {len(one.times.foreign)} nodes of "
            "no layer, such as changes of layout, charged to the layer after them"
        )
    give, take = (sorted(prices) for prices in zip(*found.crossings.values(), strict=True))
    lines.append(
        f"a tensor that crosses: up to {1e3 * give[-1]:.2f} ms to give it on the edge, up to "
        f"{1e3 * take[-1]:.2f} ms to take it in the cloud"
    )
    lines.append(power_words(found.active_w))
    return "\n".join(lines)
