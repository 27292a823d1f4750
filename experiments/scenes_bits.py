"""Measure the AP of the bundled detector against bits, with the whole network on the edge.

    apt install dataset-fashion-mnist
    python experiments/make_scenes.py --out scenes --train 256
    python experiments/scenes_bits.py --data coco:scenes

"Mixed" weights have widths of 2, 3, 4, 5, 6 and 8 bits whose mean over all weights is at most the
number given; ``allocate`` chooses the widths with the least sum of distortions and proves it.
Every plan is finished before it is evaluated, as ``autosplit quantize`` does.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor

from autosplit.capture.capture import capture
from autosplit.capture.program import Program
from autosplit.data.datasets import load_data
from autosplit.distortion.measure import measure
from autosplit.distortion.metrics import sensitivity
from autosplit.evaluate.batches import batches_of
from autosplit.evaluate.choice import AskedTask, judge_of
from autosplit.evaluate.outputs import plan_outputs
from autosplit.files import write_csv
from autosplit.finish.effort import EFFORTS
from autosplit.finish.layerwise import recover
from autosplit.graph.memory import crossing_bytes, edge_memory_bytes
from autosplit.grid.grid import DEFAULT_WIDTHS
from autosplit.halves.deployed import deploy
from autosplit.models.load import load_model
from autosplit.plan.grids import plan_grids
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile
from autosplit.search.knapsack.allocate import allocate
from autosplit.stats.stats import Stats

ASKED = (
    ("uniform", 8, 8),
    ("uniform", 6, 8),
    ("mixed", 6, 8),
    ("uniform", 4, 8),
    ("mixed", 4, 8),
    ("mixed", 3, 8),
    ("uniform", 6, 6),
    ("uniform", 4, 4),
)
"""Rows: kind of weights, bits of the weights (their mean if mixed), bits of the activations."""
FINISHED_ON = 64
"""Number of calibration scenes on which plans are finished."""
HEADER = (
    "weights weight_bits_avg activation_bits edge_memory_bytes images ap ap50 ap75 ap_vs_float "
    "ap50_vs_float drop"
).split()


def weight_widths(program: Program, stats: Stats, kind: str, bits: float) -> dict[str, int]:
    """Choose the width of every weight: ``bits`` for all, or mixed with at most that mean."""
    layers = [layer for layer in program.graph.layers if layer.owns_weight]
    if kind == "uniform":
        return dict.fromkeys((layer.name for layer in layers), int(bits))
    distortion = [
        [stats.distortions[layer.name, "weight", width].distortion for width in DEFAULT_WIDTHS]
        for layer in layers
    ]
    cost = [[layer.weight_elements * width for width in DEFAULT_WIDTHS] for layer in layers]
    found = allocate(distortion, cost, int(bits * sum(layer.weight_elements for layer in layers)))
    pairs = zip(layers, found.choice.tolist(), strict=True)
    return {layer.name: DEFAULT_WIDTHS[place] for layer, place in pairs}


def activation_widths(program: Program, stats: Stats, kind: str, bits: int) -> dict[str, int]:
    """Choose the width of every activation: ``bits`` for all, or mixed with at most that mean.

    The inputs of the network are left out.  The mean is over the elements of all other tensors.
    """
    layers = program.graph.layers
    if kind == "uniform" or bits >= max(DEFAULT_WIDTHS):
        return dict.fromkeys((layer.name for layer in layers), bits)
    distortion = [
        [stats.distortions[layer.name, "activation", width].distortion for width in DEFAULT_WIDTHS]
        for layer in layers
    ]
    elements = [program.graph.elements(layer.name) for layer in layers]
    cost = [[count * width for width in DEFAULT_WIDTHS] for count in elements]
    found = allocate(distortion, cost, bits * sum(elements))
    pairs = zip(layers, found.choice.tolist(), strict=True)
    return {layer.name: DEFAULT_WIDTHS[place] for layer, place in pairs}


def make_plan(
    program: Program,
    stats: Stats,
    name: str,
    weights: dict[str, int],
    bits: int,
    kind: str = "uniform",
) -> PlanFile:
    """Make an all-edge plan: inputs at 8 bits, other activations at ``bits``, mixed or uniform."""
    graph = program.graph
    cut = graph.prefix(len(graph.layers))
    activations = dict.fromkeys(graph.inputs, 8) | activation_widths(program, stats, kind, bits)
    plan = Plan(
        name=name,
        method="scenes_bits",
        edge=cut.edge,
        weight_bits=weights,
        activation_bits=activations,
        distortion=0.0,
        lower_bound=0.0,
        edge_memory_bytes=edge_memory_bytes(cut, weights, activations),
        crossing_bytes=crossing_bytes(cut, activations),
    )
    return PlanFile(plan, *plan_grids(plan, stats), graph.name, "")


def main(
    data: Annotated[
        str, typer.Option(help="The scenes, as for autosplit stats --data.")
    ] = "scenes",
    out: Annotated[Path, typer.Option(help="The table to write.")] = Path("results/scenes.csv"),
    effort: Annotated[
        str, typer.Option(help="Effort of finishing: none, fast, good or best.")
    ] = "good",
) -> None:
    """Measure the AP of the bundled detector against bits; print and write the table."""
    torch.set_num_threads(1)
    model = load_model("scenes-yolo")
    program = capture(model.module, (model.example_input,), model.name)
    found = load_data(data, model.preprocess)
    _, judge = judge_of(program, model, found, AskedTask())

    def calibration() -> Iterator[Tensor]:
        yield from (images for images, _ in found.calibration.batches(32))

    def few() -> Iterator[Tensor]:
        yield from islice(calibration(), FINISHED_ON // 32)

    stats = sensitivity(program, calibration, measure(program, calibration))
    batches = list(batches_of(found.evaluation, program, 50)())
    reference = judge.empty()
    for images, labels in batches:
        reference.add(judge.read(program.run((images,)), labels, len(images), None))
    rows: list[dict[str, Any]] = [{"weights": "float"} | reference.float_row()]
    total = sum(layer.weight_elements for layer in program.graph.layers if layer.owns_weight)
    for kind, bits, activation_bits in ASKED:
        weights = weight_widths(program, stats, kind, bits)
        file = make_plan(
            program, stats, f"{kind}{bits}_{activation_bits}", weights, activation_bits
        )
        file = recover(program, file, few, EFFORTS[effort])
        deployed, record = deploy(program, file), judge.empty()
        for images, labels in batches:
            record.add(judge.read(plan_outputs(deployed, images), labels, len(images), None))
        used = sum(program.graph.by_name[n].weight_elements * b for n, b in weights.items())
        about = {
            "weights": kind,
            "weight_bits_avg": used / total,
            "activation_bits": activation_bits,
            "edge_memory_bytes": file.plan.edge_memory_bytes,
        }
        rows.append(about | (record.plan_row(file.plan, reference) or {}))
        typer.echo(
            f"{kind} W{bits}A{activation_bits}: AP {100 * rows[-1]['ap']:.2f}, "
            f"AP50 {100 * rows[-1]['ap50']:.2f}, drop {rows[-1]['drop']:.2f} points"
        )
    typer.echo(f"float: AP {100 * rows[0]['ap']:.2f}, AP50 {100 * rows[0]['ap50']:.2f}")
    write_csv(out, HEADER, [{key: row.get(key) for key in HEADER} for row in rows])


if __name__ == "__main__":
    typer.run(main)
