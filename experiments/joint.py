"""Search kept channels and bits of the Fashion network together, all on the edge, by memory.

    python experiments/joint.py

At every limit one program decides how many channels each group keeps and how many bits each weight
and each tensor has (``autosplit/search/joint.py``); ``bits_distortion`` is the least distortion of
the same program with all channels.  The network is then pruned and fit to the whole one, planned
with these bits, finished as ``autosplit quantize`` does and measured on the bundled images; without
any training.  A row whose limit is in the table already is not made again.
"""

from __future__ import annotations

import csv
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from compress_variants import DATA, LIMITS, judge_for, measured

from autosplit.capture.capture import capture
from autosplit.compress.accuracy import float_score, plan_score
from autosplit.compress.channel_groups import channel_groups
from autosplit.compress.joint_costs import (
    RankedGroups,
    divergence,
    fit_pruned,
    group_choices,
    joint_problem,
    ranked_groups,
)
from autosplit.compress.live import LiveNetwork, live_network, reloaded
from autosplit.compress.scores.registry import UNIT_SCORES
from autosplit.compress.scores.scores import Scored
from autosplit.data.datasets import DataSet
from autosplit.distortion.measure import measure
from autosplit.errors import InfeasibleError
from autosplit.evaluate.judge import Judge
from autosplit.files import write_csv
from autosplit.finish.effort import EFFORTS
from autosplit.finish.layerwise import recover
from autosplit.graph.memory import crossing_bytes, edge_memory_bytes
from autosplit.plan.grids import plan_grids
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile
from autosplit.runs.network import load_network
from autosplit.runs.options import StatsOptions
from autosplit.search.joint import JointChoice, JointProblem, KeptChannels, solve_joint

BATCH = 64
HEADER = (
    "limit_bytes channels_kept weight_bits_avg edge_memory_bytes distortion lower_bound gap "
    "bits_distortion seconds bits_seconds pruned_divergence pruned_top1 top1 images"
).split()


def bits_alone(problem: JointProblem) -> tuple[float | None, float]:
    """Least distortion with all channels, and its seconds; None: nothing fits."""
    began = time.process_time()
    whole = {name: choices[:1] for name, choices in problem.groups.items()}
    try:
        found: float | None = solve_joint(replace(problem, groups=whole)).distortion
    except InfeasibleError:
        found = None
    return found, time.process_time() - began


def planned(
    small: LiveNetwork, choice: JointChoice, judge: Judge, data: DataSet
) -> tuple[float, float, int, float]:
    """The pruned network with the chosen bits.

    Returns:
        Top-1 in float and of the plan, its memory in bytes, and average bits of its weights.
    """
    program = capture(reloaded(small)[1], small.example, small.name, small.axes)
    images = [inputs for inputs, _ in data.calibration.batches(BATCH)]
    stats = measure(program, lambda: iter(images))
    cut = program.graph.prefix(len(program.graph.layers))
    weights, widths = dict(choice.weight_bits), dict(choice.activation_bits)
    memory = edge_memory_bytes(cut, weights, widths)
    crossing = crossing_bytes(cut, widths)
    plan = Plan("joint", "joint", cut.edge, weights, widths, 0.0, 0.0, memory, crossing)
    file = PlanFile(plan, *plan_grids(plan, stats), program.graph.name, "")
    file = recover(program, file, lambda: iter(images), EFFORTS["good"])
    before = float_score(program, judge, data.evaluation).accuracy
    after = plan_score(program, file, judge, data.evaluation).accuracy
    layers = program.graph.by_name
    bits = sum(layers[name].weight_elements * width for name, width in weights.items())
    assert before is not None
    assert after is not None
    return before, after, memory, bits / sum(layers[name].weight_elements for name in weights)


def ranked(live: LiveNetwork, batches: list[tuple[torch.Tensor, ...]]) -> RankedGroups:
    """Groups of channels, ranked by the change of the answers."""
    channels = channel_groups(live)
    scored = Scored(live, channels, batches)
    return ranked_groups(channels, UNIT_SCORES["distortion"](scored))


def kept_choices(
    kept: Path, live: LiveNetwork, groups: RankedGroups, batches: list[tuple[torch.Tensor, ...]]
) -> dict[str, list[KeptChannels]]:
    """What keeping channels of each group costs: read from the file, or measured and written."""
    if kept.exists():
        read = json.loads(kept.read_text())
        return {name: [KeptChannels(*one) for one in found] for name, found in read.items()}
    half = len(batches) // 2
    choices = group_choices(live, groups, batches[:half], batches[half:])
    numbers = {n: [(c.kept, c.distortion) for c in found] for n, found in choices.items()}
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(numbers))
    return choices


def main(
    out: Annotated[Path, typer.Option(help="The table to write.")] = Path("results/joint.csv"),
    kept: Annotated[Path, typer.Option(help="What groups cost; measured if missing.")] = Path(
        "results/variants/groups.json"
    ),
    only: Annotated[int, typer.Option(help="Make this limit alone, thousands of bytes.")] = 0,
) -> None:
    """Search channels and bits together at ten limits; write the table."""
    torch.set_num_threads(1)
    options = StatsOptions(model="fashion-resnet", data=DATA)
    model = load_network(options)
    program, data, stats = measured(options)
    judge = judge_for(program, options, data)
    live = live_network(model.module, model.example_input, model.name, model.batch_axis)
    batches = [
        (inputs,)
        for inputs, _ in data.calibration.batches(BATCH)
        if isinstance(inputs, torch.Tensor)
    ]
    groups = ranked(live, batches)
    choices = kept_choices(kept, live, groups, batches)
    rows: list[dict[str, Any]] = list(csv.DictReader(out.open())) if out.exists() else []
    for limit in LIMITS:
        made = {int(row["limit_bytes"]) for row in rows}
        if 1000 * limit in made or only not in (0, limit):
            continue
        problem = joint_problem(program, stats, groups, choices, 1000 * limit)
        began = time.process_time()
        choice = solve_joint(problem)
        seconds = time.process_time() - began
        bits_distortion, bits_seconds = bits_alone(problem)
        small = fit_pruned(live, groups, choice.kept, batches)
        before, after, memory, bits = planned(small, choice, judge, data)
        whole = sum(len(units) for units in groups.order.values())
        row = {
            "limit_bytes": 1000 * limit,
            "channels_kept": sum(choice.kept.values()) / whole,
            "weight_bits_avg": bits,
            "edge_memory_bytes": memory,
            "distortion": choice.distortion,
            "lower_bound": choice.lower_bound,
            "gap": 1 - choice.lower_bound / max(choice.distortion, 1e-30),
            "bits_distortion": bits_distortion,
            "seconds": seconds,
            "bits_seconds": bits_seconds,
            "pruned_divergence": divergence(live, small, batches),
            "pruned_top1": before,
            "top1": after,
            "images": len(data.evaluation),
        }
        print(row, flush=True)
        rows.append(row)
        write_csv(out, HEADER, sorted(rows, key=lambda one: int(one["limit_bytes"])))


if __name__ == "__main__":
    typer.run(main)
