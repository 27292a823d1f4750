"""Measure how well the summed distortion of each metric ranks random plans by their loss.

    python experiments/rank_correlation.py [--model fashion-resnet] [--data fashion-mnist]
        [--assignments 200] [--images 1000] [--calibration 256] [--seed 0]
        [--effort none|fast|good|best] [--finishing 256] [--draw independent|spread]

All layers are on the edge.  Each weight and each output of a layer draws its width from 2 to 8
bits; the inputs of the network have 8 bits.  With ``--draw independent`` every width is equally
likely, so all assignments have about the same average.  With ``--draw spread`` an assignment first
draws its middle, uniformly from 2 to 8, and then each width about the middle with a standard
deviation of 1, as the plans along a front differ.

Each assignment is finished on the first calibration images as ``autosplit quantize --effort`` does,
and run on the test images.  The script prints Spearman's rank correlation of the summed distortion
with the rise in loss (cross entropy of the labels), and with the drop in top-1.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from autosplit.capture.capture import capture
from autosplit.capture.program import Program
from autosplit.data.datasets import load_data
from autosplit.distortion.divergence import output_divergence
from autosplit.distortion.measure import measure
from autosplit.distortion.metrics import METRICS, sensitivity
from autosplit.finish.effort import EFFORTS
from autosplit.finish.layerwise import recover
from autosplit.halves.deployed import Deployed, deploy
from autosplit.models.load import load_model
from autosplit.plan.grids import plan_grids
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile
from autosplit.stats.stats import Stats

Labelled = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Assignment:
    """Widths of all weights and of all activations."""

    weights: dict[str, int]
    activations: dict[str, int]

    def distortion(self, stats: Stats) -> float:
        """Sum of the distortions of all tensors."""
        found = stats.distortions
        total = sum(found[n, "weight", b].distortion for n, b in self.weights.items())
        return total + sum(
            found[n, "activation", b].distortion for n, b in self.activations.items()
        )


def draw(
    program: Program, count: int, seed: int, kind: str = "independent"
) -> Iterator[Assignment]:
    """Draw random assignments."""
    random = np.random.default_rng(seed)
    graph = program.graph
    for _ in range(count):
        middle = random.uniform(2, 8) if kind == "spread" else 0.0

        def width(middle: float = middle) -> int:
            if kind == "spread":
                return int(np.clip(np.rint(random.normal(middle, 1.0)), 2, 8))
            return int(random.integers(2, 9))

        weights = {name: width() for name in program.weights}
        outputs = {layer.name: width() for layer in graph.layers}
        yield Assignment(weights, dict.fromkeys(graph.inputs, 8) | outputs)


def build(
    program: Program, stats: Stats, assignment: Assignment, calibration: list[Tensor], effort: str
) -> Deployed:
    """Build the quantized network of an assignment, finished as ``autosplit quantize`` does."""
    edge = tuple(layer.name for layer in program.graph.layers)
    plan = Plan(
        "random", "random", edge, assignment.weights, assignment.activations, 0.0, 0.0, 0, 0
    )
    file = PlanFile(plan, *plan_grids(plan, stats), program.graph.name, "")
    return deploy(program, recover(program, file, lambda: iter(calibration), EFFORTS[effort]))


def score(
    answers: Iterable[Tensor], exact: list[Tensor], test: Labelled
) -> tuple[float, float, float]:
    """Compute mean loss, top-1 and KL divergence from the float network of batches of logits."""
    loss = hits = seen = moved = 0.0
    for logits, before, (_, labels) in zip(answers, exact, test, strict=True):
        loss += float(torch.nn.functional.cross_entropy(logits, labels, reduction="sum"))
        hits += float((logits.argmax(1) == labels).sum())
        moved += output_divergence((before,), (logits,))
        seen += len(labels)
    return loss / seen, hits / seen, moved / seen


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="fashion-resnet", help="as for autosplit stats")
    parser.add_argument("--data", default="fashion-mnist", help="as for autosplit stats")
    parser.add_argument("--assignments", type=int, default=200, help="random plans")
    parser.add_argument("--images", type=int, default=1000, help="test images")
    parser.add_argument("--calibration", type=int, default=256, help="images for the metrics")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random plans")
    parser.add_argument("--effort", choices=EFFORTS, default="good", help="of finishing")
    parser.add_argument(
        "--finishing", type=int, default=256, help="images that plans are finished on"
    )
    parser.add_argument(
        "--draw", choices=["independent", "spread"], default="independent", help="of widths"
    )
    asked = parser.parse_args()
    model = load_model(asked.model)
    program = capture(model.module, (model.example_input,), model.name)
    data = load_data(
        asked.data,
        model.preprocess,
        calibration_images=asked.calibration,
        evaluation_images=asked.images,
    )
    calibration = [images for images, _ in data.calibration.batches(64)]
    test = [(x, y) for x, y in data.evaluation.batches(250) if y is not None]
    stats = measure(program, lambda: iter(calibration))
    finishing = [*torch.cat(calibration)[: asked.finishing].split(64)]
    exact = [program.run((x,))[0] for x, _ in test]
    whole = score(exact, exact, test)
    print(f"{model.name}: float loss {whole[0]:.4f}, top-1 {100 * whole[1]:.2f} %")
    assignments = list(draw(program, asked.assignments, asked.seed, asked.draw))
    scores = []
    for assignment in assignments:
        network = build(program, stats, assignment, finishing, asked.effort)
        scores.append(score((network(x)[0][0] for x, _ in test), exact, test))
    rise = [loss - whole[0] for loss, _, _ in scores]
    drop = [100 * (whole[1] - top1) for _, top1, _ in scores]
    divergence = [moved for _, _, moved in scores]
    middle = np.percentile(rise, [0, 50, 100]), np.percentile(drop, [0, 50, 100])
    print("rise in loss, least, median, most: {:.3f} {:.3f} {:.3f}".format(*middle[0]))
    print("drop in top-1, points:             {:.2f} {:.2f} {:.2f}".format(*middle[1]))
    moved = spearmanr(divergence, rise).statistic
    print(f"Spearman, {len(assignments)} {asked.draw} assignments, {asked.effort}: loss, top-1")
    print(f"divergence on the test images itself {moved:6.3f}")
    for metric in METRICS:
        finished = EFFORTS[asked.effort].rounding != "nearest"
        weighed = sensitivity(program, lambda: iter(calibration), stats, metric, finished=finished)
        total = [assignment.distortion(weighed) for assignment in assignments]
        print(
            f"{metric:8s} {spearmanr(total, rise).statistic:6.3f} "
            f"{spearmanr(total, drop).statistic:6.3f}"
        )


if __name__ == "__main__":
    main()
