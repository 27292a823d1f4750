"""Widths of ResNet-18's weights by us and by Sony's model-compression-toolkit, in one run.

    python experiments/compare_mct.py [--images 64] [--probed 8] [--only ours|theirs]

Random weights with seed 0, synthetic images; weight memory at most half of what it is at 8 bits.
They choose from 2, 4 and 8 bits; we from those, and from 2, 3, 4, 5, 6 and 8.  The time is from
the loaded network to the chosen widths: for us capture, the grids of the weights, the change of
the output and the search.  Both correct biases; the signal-to-noise ratio is that of the logits
on the calibration images.  Theirs is left out when the package is not installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import time
from collections.abc import Iterator, Mapping

import numpy as np
import torch
import torchvision
from torch import Tensor, nn

from autosplit.capture import Program, capture
from autosplit.fakequant import fake_quantize
from autosplit.graph import packed_bytes
from autosplit.measure import measure_weights
from autosplit.operators import kind_of
from autosplit.replay import Run, Wiring
from autosplit.search.allocate import allocate
from autosplit.sensitivity import sensitivity
from autosplit.stats import Stats

WIDTHS = (2, 3, 4, 5, 6, 8)


def network() -> nn.Module:
    torch.manual_seed(0)
    return torchvision.models.resnet18(weights=None).eval()


def synthetic(count: int) -> Tensor:
    return torch.randn(count, 3, 224, 224, generator=torch.Generator().manual_seed(0))


def sqnr_db(signal: Tensor, noisy: Tensor) -> float:
    """Power of the signal over that of its error, decibels."""
    return 10 * math.log10(float(signal.square().sum() / (signal - noisy).square().sum()))


def ours(module: nn.Module, images: Tensor, probed: int) -> float:
    """Print our times and ratios; seconds to the widths."""
    start = time.perf_counter()
    program = capture(module, (images[:1],), "resnet18")
    marks = [time.perf_counter()]
    stats = measure_weights(program, WIDTHS)
    marks.append(time.perf_counter())

    def batches() -> Iterator[Tensor]:
        return iter([images[:probed]])

    weighed = sensitivity(program, batches, stats, "output")
    marks.append(time.perf_counter())
    chosen = {name: choose(program, weighed, widths) for name, widths in CHOICES.items()}
    marks.append(time.perf_counter())
    parts = np.diff([start, *marks])
    print(
        "ours: {:.1f} s (capture {:.1f}, grids {:.1f}, output {:.1f}, search {:.2f})".format(
            marks[-1] - start, *parts
        )
    )
    chosen["of least noise over signal"] = choose(program, stats, WIDTHS)
    for name, widths in chosen.items():
        ratios = [
            sqnr_db(*answers(program, stats, widths, images, correct=correct))
            for correct in (True, False)
        ]
        print("ours, widths {}: {:.1f} dB, biases kept {:.1f} dB".format(name, *ratios))
    return marks[-1] - start


CHOICES = {"2, 4, 8": (2, 4, 8), "2, 3, 4, 5, 6, 8": WIDTHS}


def choose(program: Program, stats: Stats, widths: tuple[int, ...]) -> dict[str, int]:
    """Widths of least distortion in half the memory of 8 bits."""
    layers = list(program.weights)
    elements = [program.graph.by_name[name].weight_elements for name in layers]
    harm = [[stats.distortions[n, "weight", b].distortion for b in widths] for n in layers]
    cost = [[packed_bytes(count, b) for b in widths] for count in elements]
    found = allocate(harm, cost, sum(elements) // 2)
    return {name: widths[i] for name, i in zip(layers, found.choice, strict=True)}


def answers(
    program: Program, stats: Stats, widths: Mapping[str, int], images: Tensor, *, correct: bool
) -> tuple[Tensor, Tensor]:
    """Logits of the float network, and with quantized weights and perhaps corrected biases.

    Layer by layer, on the quantized network's own inputs, the mean of each channel is put back.
    """
    wiring = Wiring(program)
    run = Run(wiring, (images,), [])
    values = {}
    roots = {}
    for layer, bits in widths.items():
        grid = stats.grids[layer, bits]
        scale, zero = torch.from_numpy(grid.scale), torch.from_numpy(grid.zero_point)
        axis = program.weights[layer].axis
        weight = fake_quantize(program.weight(layer), scale, zero, bits, axis)
        values.update(dict.fromkeys(wiring.sources(layer), weight))
        roots[wiring.readers[layer][0][1][0]] = layer
    with torch.no_grad():
        for node in wiring.after(list(values)):
            if node.op == "output":
                break
            value = run.replay(values, [node])
            if correct and node in roots:
                shift = value - run.env[node]
                channels = 1 if kind_of(node) == "conv" else shift.dim() - 1
                value = value - shift.mean(
                    [i for i in range(shift.dim()) if i != channels], keepdim=True
                )
            values[node] = value
        return run.outputs[0], values[node.args[0][0]]


def theirs(module: nn.Module, images: Tensor) -> float | None:
    """Print the toolkit's time and ratio; seconds to the quantized network, None without it."""
    if importlib.util.find_spec("model_compression_toolkit") is None:
        print("theirs: left out, model-compression-toolkit is not installed")
        return None
    import model_compression_toolkit as mct  # noqa: PLC0415 - slow, and not always there

    weights = sum(
        layer.weight.numel()
        for layer in module.modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    )
    with torch.no_grad():
        signal = module(images)

    def batches() -> Iterator[list[Tensor]]:
        for batch in images.split(16):
            yield [batch]

    config = mct.core.CoreConfig(
        mixed_precision_config=mct.core.MixedPrecisionQuantizationConfig(num_of_images=len(images))
    )
    start = time.perf_counter()
    quantized, _ = mct.ptq.pytorch_post_training_quantization(
        module,
        batches,
        target_resource_utilization=mct.core.ResourceUtilization(weights_memory=weights / 2),
        core_config=config,
    )
    seconds = time.perf_counter() - start
    with torch.no_grad():
        noisy = quantized.cpu()(images)
    print(f"theirs: {seconds:.1f} s, {sqnr_db(signal, noisy):.1f} dB")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--probed", type=int, default=8, help="images that the output is taken of")
    parser.add_argument("--only", choices=["ours", "theirs"])
    asked = parser.parse_args()
    module, images = network(), synthetic(asked.images)
    mine = None if asked.only == "theirs" else ours(module, images, asked.probed)
    other = None if asked.only == "ours" else theirs(module, images)
    if mine and other:
        print(f"theirs / ours: {other / mine:.1f} times (must be at least 20, aim 50)")


if __name__ == "__main__":
    main()
