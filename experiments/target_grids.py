"""Measure what it costs that weights have grids which a device's kernels take.

    python experiments/target_grids.py --out results

A profile says ``int8_weights``: ``none``, and grids are free; ``depthwise`` or ``all``, and the
8-bit levels of these weights are in -128..127, around one zero point.  Narrower grids have such
levels already.  Every network runs on the edge as a whole, with activations at 8 bits and weights
at 8, 6, 4 bits, and at mixed widths with a mean of 6 bits, chosen anew for each kind of grids.
Plans are finished as ``autosplit quantize`` does.

Of EfficientNet-Lite0, agreement and divergence are of 100 seeded crops of the 20 labelled photos.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from lowbit_cell import Batches, measures, test_batches
from scenes_bits import FINISHED_ON, make_plan, weight_widths
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
from autosplit.halves.deployed import deploy
from autosplit.hardware.device import device_names, load_device
from autosplit.models.load import Model, load_model
from autosplit.plan.int8_weights import int8_stats
from autosplit.plan.planfile import PlanFile

GRIDS = ("none", "depthwise", "all")
PLANS = (("uniform", 8), ("uniform", 6), ("uniform", 4), ("mixed", 6))
ACTIVATION_BITS = 8
NETWORKS = {
    "fashion": {"model": "fashion-resnet", "calibration": "fashion-mnist", "test": "fashion-mnist"},
    "lite0": {"model": "efficientnet-lite0", "calibration": "demo", "test": "demo", "crops": 100},
    "scenes": {"model": "scenes-yolo", "calibration": "scenes", "test": "scenes"},
}
HEADER = (
    *("network", "int8_weights", "devices", "weights", "weight_bits_avg", "weights_changed"),
    *("images", "score", "agreement", "kl", "points_lost"),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", default=",".join(NETWORKS), help="Comma-separated.")
    parser.add_argument("--effort", default="fast", help="none, fast, good or best.")
    parser.add_argument("--out", type=Path, help="Folder for target_grids.csv.")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for name in asked.networks.split(","):
        about = {"batch": 50, **NETWORKS[name]}
        rows += measured(name, about, asked.effort)
        if asked.out is not None:
            write_csv(asked.out / "target_grids.csv", HEADER, rows)


def measured(name: str, about: Mapping[str, Any], effort: str) -> list[dict[str, Any]]:
    """Rows of one network.

    Args:
        name: Name in ``NETWORKS``.
        about: Model, data, and images that are run at a time.
        effort: Effort of finishing.
    """
    model = load_model(about["model"])
    data = load_data(about["calibration"], model.preprocess).calibration
    program = capture(model.module, (model.example_input,), model.name)

    def calibration() -> Iterator[Tensor]:
        yield from (images for images, _ in data.batches(32))

    def few() -> Iterator[Tensor]:
        yield from islice(calibration(), FINISHED_ON // 32)

    free = sensitivity(
        program,
        calibration,
        measure(program, calibration),
        finished=EFFORTS[effort].rounding != "nearest",
    )
    score = scorer(program, model, about)
    rows = []
    for kind, bits in PLANS:
        first: float | None = None
        done: dict[str, dict[str, Any]] = {}
        for grids in GRIDS:
            stats = int8_stats(program.graph, free, grids)
            widths = weight_widths(program, stats, kind, bits)
            file = make_plan(program, stats, f"{kind}{bits}", widths, ACTIVATION_BITS)
            same = make_plan(program, free, f"{kind}{bits}", widths, ACTIVATION_BITS)
            changed = sum(file.weights[name] != grid for name, grid in same.weights.items())
            if changed or grids == "none":
                done[grids] = score(recover(program, file, few, EFFORTS[effort]))
            found = done.get(grids, done["none"])
            first = found["score"] if first is None else first
            row = {
                "network": name,
                "int8_weights": grids,
                "devices": " ".join(devices_of(grids)),
                "weights": f"{kind} {bits}",
                "weight_bits_avg": mean_bits(program, widths),
                "weights_changed": changed,
                **found,
                "points_lost": 100 * (first - found["score"]),
            }
            rows.append(row)
            print(",".join(str(row.get(key, "")) for key in HEADER), flush=True)
    return rows


def scorer(
    program: Program, model: Model, about: Mapping[str, Any]
) -> Callable[[PlanFile], dict[str, Any]]:
    """What measures a plan: top-1 with agreement and divergence, or AP of a detector."""
    if not model.heads:
        batches = test_batches(dict(about), model)
        with torch.no_grad():
            exact = torch.cat([program.run((images,))[0] for images, _ in batches])
        return lambda file: classified(program, file, batches, exact)
    found = load_data(about["test"], model.preprocess)
    _, judge = judge_of(program, model, found, AskedTask())
    batches = list(batches_of(found.evaluation, program, about["batch"])())
    reference = judge.empty()
    for images, labels in batches:
        reference.add(judge.read(program.run((images,)), labels, len(images), None))

    def detected(file: PlanFile) -> dict[str, Any]:
        deployed, record = deploy(program, file), judge.empty()
        for images, labels in batches:
            record.add(judge.read(plan_outputs(deployed, images), labels, len(images), None))
        row = record.plan_row(file.plan, reference) or {}
        return {"images": row["images"], "score": row["ap"]}

    return detected


def classified(program: Program, file: PlanFile, batches: Batches, exact: Tensor) -> dict[str, Any]:
    """Top-1, and agreement with the float network and divergence from it."""
    deployed = deploy(program, file)
    rough = torch.cat([plan_outputs(deployed, images)[0] for images, _ in batches])
    found = measures(exact, rough, batches)
    labelled = sum(len(images) for images, labels in batches if labels is not None)
    return {
        "images": labelled,
        "score": found["top1"],
        "agreement": found["agreement"],
        "kl": found["kl"],
    }


def devices_of(grids: str) -> list[str]:
    """Shipped devices whose profile asks for such grids."""
    return [name for name in device_names() if load_device(name).int8_weights == grids]


def mean_bits(program: Program, widths: Mapping[str, int]) -> float:
    """Mean width over all weights."""
    sizes = {name: program.graph.by_name[name].weight_elements for name in widths}
    return sum(sizes[name] * bits for name, bits in widths.items()) / sum(sizes.values())


if __name__ == "__main__":
    main()
