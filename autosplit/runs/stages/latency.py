"""The stage ``latency``: seconds of every plan on some hardware, whole and layer by layer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from autosplit.errors import counted
from autosplit.files import write_csv
from autosplit.graph.graph import Graph
from autosplit.graph.memory import coded_crossing
from autosplit.hardware.device import Device
from autosplit.hardware.link import Link
from autosplit.hardware.operations import unknown_layers
from autosplit.hardware.prediction import (
    PlanWidths,
    Prediction,
    cloud_layers,
    edge_layers,
    predict,
)
from autosplit.hardware.seconds import tail_s
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile
from autosplit.report import tables
from autosplit.runs.folder import plan_names, read_graph, read_plans
from autosplit.runs.hardware import Hardware, keep_profiles, load_hardware
from autosplit.runs.hashes import hash_files
from autosplit.runs.options import LatencyOptions
from autosplit.runs.stages.frame import Job, Made, Prepared, Stage


def _prepare(job: Job[LatencyOptions]) -> Prepared:
    asked, searched = job.options, job.needed["search"]
    names = (
        searched.options["edge"] if asked.edge is None else asked.edge,
        searched.options["cloud"] if asked.cloud is None else asked.cloud,
        searched.options["links"] if asked.links is None else asked.links,
    )
    hardware = load_hardware(*names, job.folder)
    inputs = hash_files(job.folder, ("graph.json", *searched.outputs)) | hardware.hashes()
    return Prepared(inputs, partial(_time, job, hardware, (*names[:2], *names[2])))


def _time(job: Job[LatencyOptions], hardware: Hardware, names: Sequence[str]) -> Made:
    """Predict the seconds of every plan."""
    edge, cloud = hardware.edge, hardware.cloud
    graph = read_graph(job.folder)
    files = read_plans(job.folder, graph, plan_names(job.folder))
    rows, layers = [], []
    with job.progress("latency: timing plans", len(files)) as advance:
        for file in files.values():
            plan = file.plan
            layers += _layer_latencies(graph, plan, edge, cloud)
            for name, link in hardware.links.items():
                p = _predict(graph, file, edge, cloud, link)
                rows.append(
                    {"name": plan.name, "edge": edge.name, "cloud": cloud.name, "link": name}
                    | asdict(p)
                    | {"latency_s": p.latency_s}
                )
            advance(1)
    links = ", ".join(hardware.links)
    text = f"latency: {counted(len(files), 'plan')} on {edge.name} and {cloud.name} over {links}"
    return Made(text, partial(_write, job.folder, rows, layers, names))


def _write(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    layers: Sequence[Mapping[str, Any]],
    names: Sequence[str],
) -> Sequence[str]:
    write_csv(folder / "latency.csv", tables.LATENCY_HEADER, rows)
    write_csv(folder / "layer_latency.csv", tables.LAYER_LATENCY_HEADER, layers)
    return "latency.csv", "layer_latency.csv", *keep_profiles(folder, names)


def _predict(graph: Graph, file: PlanFile, edge: Device, cloud: Device, link: Link) -> Prediction:
    plan = file.plan
    cut = graph.cut(plan.edge)
    cloud_bits = _cloud_bits(plan, cloud)
    widths = PlanWidths(
        plan.weight_bits,
        plan.activation_bits,
        cloud_bits,
        plan.crossing_bytes,
        plan.input_coding is not None,
        coded_crossing(cut, plan.activation_bits, file.coded),
    )
    return predict(cut, widths, edge, cloud, link)


def _cloud_bits(plan: Plan, cloud: Device) -> int:
    """Width of the cloud half: integers as the plan says, or this device's floats."""
    return cloud.float_bits if plan.cloud_is_float else plan.cloud_bits


def _layer_latencies(graph: Graph, plan: Plan, edge: Device, cloud: Device) -> list[dict[str, Any]]:
    """Seconds of every layer where the plan runs it, in the order of the graph, and of a tail."""
    cut = graph.cut(plan.edge)
    here = edge_layers(cut, edge, plan.weight_bits, plan.activation_bits)
    there = cloud_layers(cut, cloud, _cloud_bits(plan, cloud))
    found = {layer.name: ("edge", edge, seconds) for layer, seconds in here}
    found |= {layer.name: ("cloud", cloud, seconds) for layer, seconds in there}
    guessed = {"edge": unknown_layers(graph, edge), "cloud": unknown_layers(graph, cloud)}
    columns = ("name", "layer", "side", "device", "seconds", "priced_by")
    rows: list[dict[str, Any]] = []
    for layer in graph.layers:
        side, device, seconds = found[layer.name]
        unknown = guessed[side]
        behind: list[tuple[str, float]] = []
        if graph.tail is not None and graph.tail.after == layer.name:
            each_s = tail_s(graph, device)
            behind = list(zip(graph.tail.graph.by_name, each_s, strict=True))
            seconds -= math.fsum(each_s)
            unknown = unknown | unknown_layers(graph.tail.graph, device)
        rows += [
            dict(zip(columns, (plan.name, name, side, device.name, own_s, by), strict=True))
            for name, own_s in [(layer.name, seconds), *behind]
            for by in (tables.TRAFFIC if name in unknown else device.model,)
        ]
    return rows


LATENCY = Stage("latency", LatencyOptions, ("search",), _prepare, of_variants=True)
