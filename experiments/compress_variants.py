"""Compare the whole Fashion network with pruned variants of it, all on the edge, by memory.

    python experiments/compress_variants.py

At every limit each network is searched for the plan with the least distortion whose layers are all
on the edge; plans are finished as ``autosplit quantize`` does and measured on the bundled images.
A variant's distortion counts from the whole network, as ``autosplit search --variants`` has it.
The column ``chosen`` marks the network with the least distortion at a limit: the search's choice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from autosplit.capture.program import Program
from autosplit.compress.accuracy import plan_score
from autosplit.compress.run_prune import run_prune
from autosplit.data.datasets import DataSet
from autosplit.errors import InfeasibleError
from autosplit.evaluate.choice import AskedTask, judge_of
from autosplit.evaluate.judge import Judge
from autosplit.files import write_csv
from autosplit.finish.effort import EFFORTS
from autosplit.finish.layerwise import recover
from autosplit.graph.bit_counts import mean_activation_bits, mean_weight_bits
from autosplit.hardware.device import load_device
from autosplit.hardware.link import load_link
from autosplit.plan.plan import Plan
from autosplit.progress import silent
from autosplit.runs.measuring import Measuring, measure_network
from autosplit.runs.network import capture_network, load_images, load_network
from autosplit.runs.options import PruneOptions, StatsOptions
from autosplit.runs.planning import plan_files
from autosplit.runs.variants import Variant, divergence_of
from autosplit.search.methods import search
from autosplit.search.problem import Problem
from autosplit.stats.stats import Stats

LIMITS = (30, 40, 50, 60, 80, 100, 120, 160, 200, 300)
"""Memory of the edge half, thousands of bytes."""
RATIOS = (0.5, 0.25)
"""Multiply-accumulates that are left, of those of the whole network."""
DATA = "fashion-mnist"
LINK = "1mbps"
HEADER = (
    "limit_bytes variant macs_ratio edge_memory_bytes weight_bits_avg activation_bits_avg "
    "distortion images top1 edge_s chosen best"
).split()


def measured(options: StatsOptions) -> tuple[Program, DataSet, Stats]:
    """A network, its data, and what is measured of it."""
    model = load_network(options)
    program = capture_network(model, equalized=False)
    data = load_images(options, model, program)
    batches = [inputs for inputs, _ in data.calibration.batches(64)]
    stats = measure_network(Measuring(program, lambda: iter(batches), options), lambda _: None)
    return program, data, stats


def all_edge(program: Program, stats: Stats, limit_bytes: int) -> Plan | None:
    """The plan of least distortion with all layers on the edge; None: none fits."""
    problem = Problem(
        program.graph,
        stats.distortions,
        load_device("eyeriss"),
        load_device("tpu_v1"),
        {LINK: load_link(LINK)},
        limit_bytes,
    )
    try:
        plans = search(problem, ("autosplit",))
    except InfeasibleError:
        return None
    whole = [plan for plan in plans if len(plan.edge) == len(program.graph.layers)]
    return min(whole, key=lambda plan: plan.distortion, default=None)


def judge_for(program: Program, options: StatsOptions, data: DataSet) -> Judge:
    """What reads the answers of a network."""
    return judge_of(program, load_network(options), data, AskedTask())[1]


def main(
    folder: Annotated[Path, typer.Option(help="Where the variants are made.")] = Path(
        "results/variants"
    ),
    out: Annotated[Path, typer.Option(help="The table to write.")] = Path(
        "results/compress_variants.csv"
    ),
) -> None:
    """Compare the whole Fashion network with pruned variants by memory; write the table."""
    torch.set_num_threads(1)
    whole = StatsOptions(model="fashion-resnet", data=DATA)
    networks: dict[str, tuple[float, StatsOptions, float]] = {"whole": (1.0, whole, 0.0)}
    for ratio in RATIOS:
        name = f"macs{100 * ratio:.0f}"
        network = folder / name / "network.pt2"
        if not network.exists():
            asked = PruneOptions(target_macs=ratio, out=str(folder / name))
            print(run_prune(whole, asked, silent).text())
        options = StatsOptions(model=str(network), data=DATA)
        variant = Variant(name, network, folder / f"{name}_run")
        networks[name] = ratio, options, divergence_of(whole, variant)
    found: dict[int, list[dict[str, Any]]] = {1000 * limit: [] for limit in LIMITS}
    for name, (ratio, options, divergence) in networks.items():
        program, data, stats = measured(options)
        judge = judge_for(program, options, data)
        for limit_bytes, rows in found.items():
            plan = all_edge(program, stats, limit_bytes)
            if plan is None:
                continue
            file = next(plan_files([plan], program.graph, stats))
            batches = [inputs for inputs, _ in data.calibration.batches(64)]
            file = recover(program, file, lambda batches=batches: iter(batches), EFFORTS["good"])
            score = plan_score(program, file, judge, data.evaluation)
            cut = program.graph.cut(plan.edge)
            rows.append(
                {
                    "limit_bytes": limit_bytes,
                    "variant": name,
                    "macs_ratio": ratio,
                    "edge_memory_bytes": plan.edge_memory_bytes,
                    "weight_bits_avg": mean_weight_bits(cut, plan.weight_bits),
                    "activation_bits_avg": mean_activation_bits(cut, plan.activation_bits),
                    "distortion": plan.distortion + divergence,
                    "images": score.samples,
                    "top1": score.accuracy,
                    "edge_s": plan.predictions[LINK].edge_s,
                }
            )
            print(rows[-1], flush=True)
    for rows in found.values():
        least = min((row["distortion"] for row in rows), default=0.0)
        most = max((row["top1"] for row in rows), default=0.0)
        for row in rows:
            row["chosen"], row["best"] = int(row["distortion"] == least), int(row["top1"] == most)
    write_csv(out, HEADER, [row for rows in found.values() for row in rows])


if __name__ == "__main__":
    typer.run(main)
