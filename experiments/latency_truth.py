"""Predicted seconds beside measured ones: a profile of model ``table`` against fresh sessions.

For each network a profile is measured as ``autosplit profile`` does.  The truth is measured in a
process of its own, with sessions that no profiler has seen.  The speed of a shared machine differs
between two processes, so all is in units of the network as integers, measured beside each model
(``latency_rounds.py``), and milliseconds are those of the profile:

    whole   the network as floats, against as integers
    edge    the edge half of every prefix cut, in integers
    cloud   the cloud half of every prefix cut, in floats
    best    the cut that is fastest by predicted seconds, beside the fastest by measured ones, with
            both halves on this machine, over four links; the seconds of both are measured ones

All on one thread, batch 1, random weights where a network has none of its own.  Rows of networks
that are not asked for stay in the table.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import onnx
import torch
from latency_halves import cloud_half, edge_half

from autosplit.capture.program import Program
from autosplit.deploy.edge_module import example_inputs
from autosplit.deploy.edge_onnx import edge_onnx
from autosplit.deploy.node_layers import marking, quantized_ends, take_marks, tensors_in_order
from autosplit.deploy.onnx_export import AnyInputs, export_onnx
from autosplit.deploy.profile import NetworkProfile, profile_network, whole_plan, write_profile
from autosplit.distortion.measure import measure
from autosplit.files import write_csv
from autosplit.graph.graph import Cut
from autosplit.halves.partition import cloud_part
from autosplit.hardware.device import load_device
from autosplit.hardware.link import load_link
from autosplit.hardware.prediction import PlanWidths, Prediction, predict
from autosplit.models.load import load_model
from autosplit.plan.planfile import PlanFile
from autosplit.runs.network import capture_network

NETWORKS = {
    "mobilenet_v2": "torchvision:mobilenet_v2",
    "resnet18": "torchvision:resnet18",
    "efficientnet_b0": "torchvision:efficientnet_b0",
    "efficientnet-lite0": "efficientnet-lite0",
    "squeezenet1_1": "torchvision:squeezenet1_1",
    "shufflenet_v2_x1_0": "torchvision:shufflenet_v2_x1_0",
    "mnasnet1_0": "torchvision:mnasnet1_0",
    "yolov3-tiny": "yolo:yolov3-tiny",
    "scenes": "scenes-yolo",
    "densenet121": "torchvision:densenet121",
}
SIZES = {"yolov3-tiny": 416}
CUTS = ("mobilenet_v2", "resnet18", "squeezenet1_1")
LINKS = ("1mbps", "3mbps", "10mbps", "20mbps")
FLOOR_MS = 0.1
"""Halves that take less are told apart in milliseconds, not in per cent: run alone and again and
again, their weights stay in the cache, as they do not behind the rest of a network."""
HEADER = ("network", "what", "place", "predicted_ms", "measured_ms", "ratio")
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", default=",".join(NETWORKS), help="Comma-separated.")
    parser.add_argument("--cuts", default=",".join(CUTS), help="Networks with every prefix cut.")
    parser.add_argument("--out", type=Path, help="Folder for latency_truth.csv.")
    parser.add_argument("--told", type=Path, help="Measure nothing: tell the errors of this table.")
    asked = parser.parse_args()
    if asked.told is not None:
        with asked.told.open() as file:
            print(summary(list(csv.DictReader(file))))
        return
    rows = []
    for name in asked.networks.split(","):
        rows += list(rows_of(name, cuts=name in asked.cuts.split(",")))
    if asked.out is not None:
        table, made = asked.out / "latency_truth.csv", {row["network"] for row in rows}
        if table.is_file():
            with table.open() as file:
                rows += [row for row in csv.DictReader(file) if row["network"] not in made]
        order = list(NETWORKS)
        rows.sort(key=lambda row: order.index(row["network"]))
        write_csv(table, HEADER, rows)
    print(summary(rows))


def rows_of(name: str, *, cuts: bool) -> Iterator[Row]:
    """Rows of one network."""
    torch.manual_seed(0)
    network = load_model(NETWORKS[name], input_size=SIZES.get(name))
    program = capture_network(network, equalized=False)
    images = (
        (network.example_input,)
        if isinstance(network.example_input, torch.Tensor)
        else network.example_input
    )
    stats = measure(program, lambda: iter([images]), (8,))
    file = whole_plan(program.graph, stats)
    found = profile_network(program, file, 1)
    yield from _compared(name, program, file, found, cuts=cuts)


def _floats(program: Program) -> tuple[onnx.ModelProto, dict[str, str]]:
    """A network as floats, and its values that are tensors."""
    tensors = tensors_in_order(program)
    half = cloud_part(program, program.graph.cut(()), marking(tensors))
    axes = [program.layouts[name].axis for name in half.reads]
    example = example_inputs(program, half)
    model = export_onnx(AnyInputs(half.module()), example, axes, half.reads, half.writes)
    return model, take_marks(model, tensors)


def _measured(models: Mapping[str, onnx.ModelProto], folder: Path) -> dict[str, float]:
    """Models in a fresh process, in units of the network as integers."""
    for name, model in models.items():
        onnx.save(model, folder / f"{name}.onnx")
    script = str(Path(__file__).with_name("latency_rounds.py"))
    command = [sys.executable, script, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _compared(
    name: str, program: Program, file: PlanFile, found: NetworkProfile, *, cuts: bool
) -> Iterator[Row]:
    """The whole, and where asked for every prefix cut and the fastest over each link."""
    graph = program.graph
    integers, (floats, real_ends) = edge_onnx(program, file), _floats(program)
    ends = quantized_ends(integers, program, file)
    models = {"all": integers, "floats": floats}
    split = [cut for cut in graph.prefixes() if cut.crossing] if cuts else []
    for cut in split:
        models[f"cloud{_place(cut)}"] = cloud_half(floats, real_ends, cut)
        if cut.edge:
            models[f"edge{_place(cut)}"] = edge_half(integers, ends, cut)
    unit_s, real_s = (sum(one.times.layers.values()) for one in found.widths)
    with tempfile.TemporaryDirectory() as folder:
        truth = {key: unit_s * one for key, one in _measured(models, Path(folder)).items()}
        write_profile(graph, found, 1, Path(folder) / "table.yaml")
        device = load_device(Path(folder) / "table.yaml")
    yield _row(name, "whole", "32", real_s, truth["floats"])
    if not cuts:
        return

    def predicted(cut: Cut, link: str) -> Prediction:
        widths = PlanWidths(dict.fromkeys(cut.weights, 8), dict.fromkeys(graph.tensors, 8))
        return predict(cut, widths, device, device, load_link(link))

    def measured_s(cut: Cut, link: str) -> float:
        here = truth[f"edge{_place(cut)}" if cut.crossing else "all"] if cut.edge else 0.0
        there = truth[f"cloud{_place(cut)}"] if cut.crossing else 0.0
        return here + predicted(cut, link).transfer_s + there

    for cut in split:
        one = predicted(cut, LINKS[0])
        if cut.edge:
            yield _row(name, "edge", _place(cut), one.edge_s, truth[f"edge{_place(cut)}"])
        yield _row(name, "cloud", _place(cut), one.cloud_s, truth[f"cloud{_place(cut)}"])
    for link in LINKS:
        chosen = min(graph.prefixes(), key=lambda cut: predicted(cut, link).latency_s)
        best = min(graph.prefixes(), key=lambda cut: measured_s(cut, link))
        place = f"{link}: {_place(chosen)} for {_place(best)}"
        yield _row(name, "best", place, measured_s(chosen, link), measured_s(best, link))


def _place(cut: Cut) -> str:
    return f"{len(cut.edge):03}"


def _row(name: str, what: str, place: str, predicted_s: float, measured_s: float) -> Row:
    ratio = predicted_s / measured_s
    numbers = (1e3 * predicted_s, 1e3 * measured_s, ratio)
    return dict(zip(HEADER, (name, what, place, *(f"{x:.4g}" for x in numbers)), strict=True))


def summary(rows: list[Row]) -> str:
    """Errors of each kind of row, in words."""
    lines = []
    for what in ("whole", "edge", "cloud", "best"):
        every = [row for row in rows if row["what"] == what]
        counted = [row for row in every if float(row["measured_ms"]) >= FLOOR_MS]
        if not counted:
            continue
        errors = [100 * abs(float(row["ratio"]) - 1) for row in counted]
        lines.append(
            f"{what}: {len(errors)} rows, error {statistics.median(errors):.1f} % in the median, "
            f"{max(errors):.1f} % and {_off_ms(counted):.2f} ms at most"
        )
        if len(counted) < len(every):
            small = [row for row in every if row not in counted]
            most = max(100 * abs(float(row["ratio"]) - 1) for row in small)
            lines[-1] += (
                f"; {len(small)} more of less than {FLOOR_MS} ms, {most:.0f} % and "
                f"{_off_ms(small):.2f} ms off at most"
            )
        if what == "best":
            ends = sum(_at_an_end(row, rows) for row in every)
            lines[-1] += f"; {ends} have no cut inside the network, predicted or measured"
    return "\n".join(lines)


def _at_an_end(row: Row, rows: list[Row]) -> bool:
    """Whether both cuts of a ``best`` row leave the network whole, on either device."""
    inside = {one["place"] for one in rows if one["network"] == row["network"]} - {"000"}
    return not inside & set(row["place"].partition(": ")[2].split(" for "))


def _off_ms(rows: list[Row]) -> float:
    return max(abs(float(row["predicted_ms"]) - float(row["measured_ms"])) for row in rows)


if __name__ == "__main__":
    main()
