"""How well each metric's summed distortion ranks random plans by the accuracy they really lose.

    python experiments/rank_correlation.py [--model fashion-resnet] [--data fashion-mnist]
        [--assignments 200] [--images 1000] [--calibration 256] [--seed 0] [--bias kept|corrected]

All layers are on the edge.  Each weight and each layer's output draws its width from 2..8, every
width as likely, independently; the network's inputs have 8 bits.  Every assignment is built by
``evaluate.deploy`` and run on the test images.  Printed is Spearman's rank correlation between
the sum of the distortions and the rise in loss (cross entropy of the labels), and between it and
the drop in top-1.  Biases are corrected as a plan's are when it is finished: the mean over the
calibration images of each channel of a layer's product is put back.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from autosplit.capture import Program, capture
from autosplit.data import load_data
from autosplit.evaluate import Deployed, deploy
from autosplit.fakequant import fake_quantize
from autosplit.measure import measure
from autosplit.models import load_model
from autosplit.operators import arguments, kind_of
from autosplit.plan import Plan, PlanFile, quantizers
from autosplit.replay import Run, Wiring
from autosplit.sensitivity import METRICS, sensitivity
from autosplit.stats import Stats

Labelled = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Assignment:
    """Widths of all weights and of all activations."""

    weights: dict[str, int]
    activations: dict[str, int]

    def distortion(self, stats: Stats) -> float:
        """Sum over all tensors."""
        found = stats.distortions
        total = sum(found[n, "weight", b].distortion for n, b in self.weights.items())
        return total + sum(
            found[n, "activation", b].distortion for n, b in self.activations.items()
        )


def draw(program: Program, count: int, seed: int) -> Iterator[Assignment]:
    """Random assignments."""
    random = np.random.default_rng(seed)
    graph = program.graph
    for _ in range(count):
        weights = {name: int(random.integers(2, 9)) for name in program.weights}
        outputs = {layer.name: int(random.integers(2, 9)) for layer in graph.layers}
        yield Assignment(weights, dict.fromkeys(graph.inputs, 8) | outputs)


def shifts(program: Program, stats: Stats, images: Tensor) -> dict[tuple[str, int], Tensor]:
    """Mean error of each channel of a layer's product, (layer, width) -> shape (C,)."""
    wiring = Wiring(program)
    run = Run(wiring, (images,), [])
    found = {}
    for (layer, width), grid in stats.grids.items():
        scale, zero = torch.from_numpy(grid.scale), torch.from_numpy(grid.zero_point)
        axis = program.weights[layer].axis
        weight = fake_quantize(program.weight(layer), scale, zero, width, axis)
        root = wiring.readers[layer][0][1][0]
        with torch.no_grad():
            error = run.replay(dict.fromkeys(wiring.sources(layer), weight), [root]) - run.env[root]
        channels = 1 if kind_of(root) == "conv" else error.dim() - 1
        found[layer, width] = error.mean([i for i in range(error.dim()) if i != channels])
    return found


def build(
    program: Program,
    stats: Stats,
    assignment: Assignment,
    corrections: Mapping[tuple[str, int], Tensor],
) -> Deployed:
    """The quantized network of an assignment."""
    edge = tuple(layer.name for layer in program.graph.layers)
    plan = Plan(
        "random", "random", edge, assignment.weights, assignment.activations, 0.0, 0.0, 0, 0
    )
    deployed = deploy(program, PlanFile(plan, *quantizers(plan, stats), program.graph.name, ""))
    constants = dict(deployed.edge.constants)
    wiring = Wiring(program)
    for layer, width in assignment.weights.items():
        bias = arguments(wiring.readers[layer][0][1][0]).get("bias")
        if (layer, width) in corrections and bias is not None:
            target = str(bias.target)
            constants[target] = constants[target] - corrections[layer, width]
    deployed.edge.constants.clear()  # type: ignore[attr-defined]
    deployed.edge.constants.update(constants)  # type: ignore[attr-defined]
    return deployed


def score(answers: Iterable[tuple[Tensor, Tensor]]) -> tuple[float, float]:
    """Mean loss and top-1 of (logits, labels)."""
    loss = hits = seen = 0.0
    for logits, labels in answers:
        loss += float(torch.nn.functional.cross_entropy(logits, labels, reduction="sum"))
        hits += float((logits.argmax(1) == labels).sum())
        seen += len(labels)
    return loss / seen, hits / seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="fashion-resnet")
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--assignments", type=int, default=200)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--calibration", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bias", choices=["kept", "corrected"], default="corrected")
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
    corrections = {}
    if asked.bias == "corrected":
        corrections = shifts(program, stats, torch.cat(calibration))
    whole = score((program.run((x,))[0], y) for x, y in test)
    print(f"{model.name}: float loss {whole[0]:.4f}, top-1 {100 * whole[1]:.2f} %")
    assignments = list(draw(program, asked.assignments, asked.seed))
    scores = []
    for assignment in assignments:
        network = build(program, stats, assignment, corrections)
        scores.append(score((network(x)[0][0], y) for x, y in test))
    rise = [loss - whole[0] for loss, _ in scores]
    drop = [100 * (whole[1] - top1) for _, top1 in scores]
    middle = np.percentile(rise, [0, 50, 100]), np.percentile(drop, [0, 50, 100])
    print("rise in loss, least, median, most: {:.3f} {:.3f} {:.3f}".format(*middle[0]))
    print("drop in top-1, points:             {:.2f} {:.2f} {:.2f}".format(*middle[1]))
    print(f"Spearman over {len(assignments)} assignments, bias {asked.bias}: with loss, with top-1")
    for metric in METRICS:
        weighed = sensitivity(program, lambda: iter(calibration), stats, metric)
        total = [assignment.distortion(weighed) for assignment in assignments]
        print(
            f"{metric:8s} {spearmanr(total, rise).statistic:6.3f} "
            f"{spearmanr(total, drop).statistic:6.3f}"
        )


if __name__ == "__main__":
    main()
