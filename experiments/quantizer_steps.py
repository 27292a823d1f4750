"""Measure the accuracy and the cost of each step of the quantizer, with all layers on the edge.

    python experiments/quantizer_steps.py [--data fashion-mnist] [--images 1000] [--widths 2/8,4/4]

The table has one row per step and pair of widths (weights/activations).  Its columns are the KL
divergence from the float network on the test images in nats, the drop in top-1 in points, the share
of images with the float network's class, and the time of finishing divided by the time of a forward
pass of the calibration images.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import torch
from scenes_bits import make_plan
from torch import Tensor

from autosplit.capture.capture import capture
from autosplit.capture.equalize import equalize
from autosplit.capture.program import Program
from autosplit.data.datasets import load_data
from autosplit.distortion.divergence import output_divergence
from autosplit.distortion.measure import measure
from autosplit.finish.finish import finish
from autosplit.halves.deployed import deploy
from autosplit.models.load import load_model
from autosplit.plan.planfile import PlanFile
from autosplit.runs.finishing import finishing_of
from autosplit.runs.options import QuantizeOptions
from autosplit.stats.stats import Stats

STEPS = {
    "none": QuantizeOptions(effort="none"),
    "fast: bias": QuantizeOptions(effort="fast"),
    "moment, no bias": QuantizeOptions(bias="off"),
    "good: moment, bias": QuantizeOptions(),
    "good, equalized": QuantizeOptions(),
    "good, joint clips": QuantizeOptions(joint_clips="on"),
    "learned": QuantizeOptions(rounding="learned"),
    "best: learned, more": QuantizeOptions(effort="best"),
}


def plan_of(program: Program, stats: Stats, weight_bits: int, activation_bits: int) -> PlanFile:
    """Make an all-edge plan of uniform widths; the inputs of the network have 8 bits."""
    widths = dict.fromkeys(program.weights, weight_bits)
    return make_plan(program, stats, "steps", widths, activation_bits)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="fashion-resnet", help="as for autosplit stats")
    parser.add_argument("--data", default="fashion-mnist", help="as for autosplit stats")
    parser.add_argument("--images", type=int, default=1000, help="test images")
    parser.add_argument("--calibration", type=int, default=256, help="calibration images")
    parser.add_argument("--widths", default="2/8,3/8,4/4,8/4", help="weights/activations")
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    model = load_model(asked.model)
    data = load_data(
        asked.data,
        model.preprocess,
        calibration_images=asked.calibration,
        evaluation_images=asked.images,
    )
    given = [images for images, _ in data.calibration.batches(64)]
    test = [(images, labels) for images, labels in data.evaluation.batches(250)]
    seen = sum(len(images) for images, _ in test)
    plain = capture(model.module, (model.example_input,), model.name)
    programs = {False: plain, True: equalize(plain)}

    def calibration() -> Iterator[Tensor]:
        return iter(given)

    stats = {key: measure(program, calibration) for key, program in programs.items()}
    start = time.perf_counter()
    for images in given:
        plain.run((images,))
    forward = time.perf_counter() - start
    exact = [plain.run((images,))[0] for images, _ in test]
    labels = torch.cat([y for _, y in test if isinstance(y, Tensor)])
    hits = float((torch.cat(exact).argmax(1) == labels).double().mean())
    print(f"{model.name}: float top-1 {100 * hits:.2f} % of {seen} images")
    print("widths  step                  divergence    drop  agreement  time / forward pass")
    for pair in asked.widths.split(","):
        bits = tuple(map(int, pair.split("/")))
        for name, options in STEPS.items():
            key = "equalized" in name
            file = plan_of(programs[key], stats[key], *bits)
            if key:
                file = PlanFile(
                    file.plan, file.weights, file.activations, file.model, "", equalized=True
                )
            start = time.perf_counter()
            file = finish(programs[key], file, calibration, finishing_of(options))
            seconds = time.perf_counter() - start
            deployed = deploy(programs[key], file)
            logits = [deployed(images)[0][0] for images, _ in test]
            moved = (
                sum(output_divergence((a,), (b,)) for a, b in zip(exact, logits, strict=True))
                / seen
            )
            classes = torch.cat(logits).argmax(1)
            drop = 100 * (hits - float((classes == labels).double().mean()))
            same = 100 * float((classes == torch.cat(exact).argmax(1)).double().mean())
            print(
                f"W{bits[0]}A{bits[1]:<4} {name:20s} {moved:11.5f} {drop:7.2f} {same:9.2f} %"
                f" {seconds / forward:12.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
