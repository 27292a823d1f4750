"""Predicted seconds of whole networks beside measured ones: models ``table`` and ``fitted``.

    python experiments/latency_fitted.py export FOLDER        # slow, measures nothing
    python experiments/latency_fitted.py measure FOLDER       # short pieces, one network each
    python experiments/latency_fitted.py table FOLDER --out results
    python experiments/latency_fitted.py --told results/latency_fitted.csv

``export`` writes the kit (``autosplit export --profile-kit``) and every network at 8 and 32 bits.
``measure`` runs each in two processes, one after the other: what the first says is the profile of
model ``table``, what the second says is the truth.  ``table`` fits a profile of model ``fitted`` to
the kit, which has none of the networks, and compares; networks of ``latency_truth.py`` that were
not measured have no row.  ``--told`` measures nothing and tells the errors of the table.

All is measured on one thread, batch 1, with the kit's reference network beside each round, and
counts at the speed that the machine had in the median: seconds of processes that run at other times
on a shared machine differ by what others do, and ratios of what runs side by side do not.  Run
``measure`` with nothing else on the machine, or above it (``chrt -f 20``).
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from latency_truth import NETWORKS, SIZES
from scipy.stats import spearmanr

from autosplit.deploy import measure_models
from autosplit.deploy.kit import RESULT, read_kit, write_fitted, write_kit
from autosplit.deploy.measure_models import BESIDE_FILE
from autosplit.deploy.node_seconds import layer_times, read_measured, scaled_nodes
from autosplit.deploy.profile import floats_of, integers_of, whole_plan
from autosplit.distortion.measure import measure as measure_stats
from autosplit.files import read_json, write_csv, write_json
from autosplit.graph.graph import Graph
from autosplit.graph.graphfile import graph_from_dict, graph_to_dict
from autosplit.hardware.device import load_device
from autosplit.hardware.seconds import layers_s
from autosplit.models.load import load_model
from autosplit.runs.network import capture_network

KIT, GRAPH, AGAIN = "kit", "graph.json", "again.json"
RANK = 0.95
"""Rank correlation that predicted and measured seconds of layers should have."""
HEADER = (
    "network bits measured_ms spread table_ms table_ratio fitted_ms fitted_ratio "
    "rank_correlation layers"
).split()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", nargs="?", choices=("export", "measure", "table"))
    parser.add_argument("folder", nargs="?", type=Path, help="Of the kit and the networks.")
    parser.add_argument("--only", help="Networks, or kit; comma-separated.")
    parser.add_argument("--seconds", type=float, default=8.0, help="Most seconds of each model.")
    parser.add_argument("--out", type=Path, help="Folder for latency_fitted.csv.")
    parser.add_argument("--told", type=Path, help="Measure nothing: tell the errors of this table.")
    asked = parser.parse_args()
    if asked.told is not None:
        with asked.told.open() as file:
            print(summary(list(csv.DictReader(file))))
        return
    if asked.folder is None:
        parser.error("must have a step and a folder, or --told")
    names = [KIT, *NETWORKS] if asked.only is None else asked.only.split(",")
    if asked.step == "export":
        for name in names:
            export(name, asked.folder)
    elif asked.step == "measure":
        for name in names:
            measure(asked.folder / name, asked.seconds)
    else:
        rows = list(compared(asked.folder))
        if asked.out is not None:
            write_csv(asked.out / "latency_fitted.csv", HEADER, rows)
        print(summary(rows))


def export(name: str, folder: Path) -> None:
    """Write the kit, or a network at 8 and 32 bits."""
    if name == KIT:
        write_kit(folder / KIT)
        return
    torch.manual_seed(0)
    network = load_model(NETWORKS[name], input_size=SIZES.get(name))
    program = capture_network(network, equalized=False)
    example = network.example_input
    images = (example,) if isinstance(example, torch.Tensor) else example
    plan = whole_plan(program.graph, measure_stats(program, lambda: iter([images]), (8,)))
    (folder / name).mkdir(parents=True, exist_ok=True)
    onnx.save(integers_of(program, plan), folder / name / "8.onnx")
    onnx.save(floats_of(program), folder / name / "32.onnx")
    write_json(folder / name / GRAPH, "graph", graph_to_dict(program.graph))


def measure(folder: Path, seconds: float) -> None:
    """Measure the kit once, or a network in two processes."""
    run = [sys.executable, str(measure_models.__file__), str(folder), "--seconds", str(seconds)]
    run += ["--passes", "3"]
    if folder.name != KIT:
        shutil.copy(folder.parent / KIT / BESIDE_FILE, folder)
        subprocess.run(run, check=True)  # noqa: S603 - of this repository
        (folder / RESULT).rename(folder / AGAIN)
    subprocess.run(run, check=True)  # noqa: S603


def compared(folder: Path) -> Iterator[dict[str, Any]]:
    """A row for each network and width."""
    kit = read_kit(folder / KIT)
    write_fitted(kit, folder / "fitted.yaml")
    device = load_device(folder / "fitted.yaml")
    usual_s = statistics.median(
        one["reference_s"] for one in _result(folder / KIT / RESULT)["models"].values()
    )
    for name in NETWORKS:
        if not (folder / name / AGAIN).is_file():
            continue
        graph = graph_from_dict(read_json(folder / name / GRAPH, "graph"), name)
        for bits in (8, 32):
            first = _layers(folder / name / AGAIN, graph, bits, usual_s)
            truth = _layers(folder / name / RESULT, graph, bits, usual_s)
            fitted = np.array(layers_s(graph, device, bits))
            spread = _result(folder / name / RESULT)["models"][str(bits)]["spread"]
            yield {
                "network": name,
                "bits": bits,
                "measured_ms": f"{1e3 * truth.sum():.4g}",
                "spread": f"{spread:.3f}",
                "table_ms": f"{1e3 * first.sum():.4g}",
                "table_ratio": f"{first.sum() / truth.sum():.4f}",
                "fitted_ms": f"{1e3 * fitted.sum():.4g}",
                "fitted_ratio": f"{fitted.sum() / truth.sum():.4f}",
                "rank_correlation": f"{spearmanr(fitted, truth).statistic:.3f}",
                "layers": len(graph.layers),
            }


def _result(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _layers(path: Path, graph: Graph, bits: int, usual_s: float) -> Any:
    """Seconds of every layer at the usual speed of the machine."""
    result = _result(path)
    one, beside_s = read_measured(result)[str(bits)], result["models"][str(bits)]["reference_s"]
    times = layer_times(scaled_nodes(one.nodes, one.whole_s), list(graph.by_name))
    return usual_s / beside_s * np.array([times.layers[name] for name in graph.by_name])


def summary(rows: Sequence[Mapping[str, Any]]) -> str:
    """Errors of both models at both widths, the order of the layers, and what is missing."""
    lines = []
    for bits in ("8", "32"):
        here = {row["network"]: row for row in rows if str(row["bits"]) == bits}
        for model in ("table", "fitted"):
            off = {name: _error(row[f"{model}_ratio"]) for name, row in here.items()}
            most = max(off, key=lambda name: off[name])
            lines.append(
                f"{model}, {bits} bits: {len(off)} networks, error "
                f"{statistics.median(off.values()):.1f} % in the median, {off[most]:.1f} % at "
                f"most ({most})"
            )
        ranks = {name: float(row["rank_correlation"]) for name, row in here.items()}
        below = sorted((rank, name) for name, rank in ranks.items() if rank < RANK)
        named = ", ".join(f"{name} {rank:.3f}" for rank, name in below)
        lines.append(
            f"order of layers, {bits} bits: rank correlation "
            f"{statistics.median(ranks.values()):.3f} in the median, at least {RANK} in "
            f"{len(ranks) - len(below)} of {len(ranks)}{'; below: ' if below else ''}{named}"
        )
    missing = [name for name in NETWORKS if name not in {row["network"] for row in rows}]
    return "\n".join([*lines, *(f"not measured: {name}" for name in missing)])


def _error(ratio: str) -> float:
    """How far a prediction is off, per cent."""
    return 100 * abs(float(ratio) - 1)


if __name__ == "__main__":
    main()
