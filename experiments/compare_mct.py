"""Compare autosplit with Sony's model-compression-toolkit: the widths of ResNet-18's weights.

    python experiments/compare_mct.py [--images 64] [--probed 8] [--only ours|theirs]

The weights are random (seed 0), the images are synthetic, and the weights may take at most half of
their memory at 8 bits.  Both tools choose from the widths 2, 4 and 8; autosplit also chooses from
2, 3, 4, 5, 6 and 8.  The time runs from the loaded network to the chosen widths; for autosplit
this is the capture, the weight grids, the metric ``output`` and the search.  Both tools choose
widths and correct biases on the calibration images.  The signal-to-noise ratio is that of the
logits on as many other images.  Only weights are quantized; the toolkit is also run with the 8-bit
activations of its platform.  If the toolkit is not installed, the script runs autosplit alone.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
import torchvision
from torch import Tensor, nn

from autosplit.capture.capture import capture
from autosplit.capture.operators import kind_of
from autosplit.capture.program import Program
from autosplit.capture.replay import ReplayedRun, Wiring
from autosplit.distortion.measure import measure_weights
from autosplit.distortion.metrics import sensitivity
from autosplit.graph.memory import packed_bytes
from autosplit.quantize.affine import fake_quantize
from autosplit.search.knapsack.allocate import allocate
from autosplit.stats.stats import Stats

WIDTHS = (2, 3, 4, 5, 6, 8)


def network() -> nn.Module:
    torch.manual_seed(0)
    return torchvision.models.resnet18(weights=None).eval()


def synthetic(count: int, seed: int) -> Tensor:
    return torch.randn(count, 3, 224, 224, generator=torch.Generator().manual_seed(seed))


def sqnr_db(signal: Tensor, noisy: Tensor) -> float:
    """Power of the signal divided by the power of its error, decibels."""
    return 10 * math.log10(float(signal.square().sum() / (signal - noisy).square().sum()))


def ours(module: nn.Module, images: Tensor, scored: Tensor, probed: int) -> float:
    """Print the times and ratios of autosplit; return the seconds until the widths are known."""
    start = time.perf_counter()
    program = capture(module, (images[:1],), "resnet18")
    marks = [time.perf_counter()]
    stats = measure_weights(program, WIDTHS)
    marks.append(time.perf_counter())

    def batches() -> Iterator[Tensor]:
        return iter([images[:probed]])

    weighed = sensitivity(program, batches, stats, "output", finished=False)  # nearest
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
        found: dict[str, Tensor] = {}
        answers(program, stats, widths, images, found, correct=True)
        ratios = [
            sqnr_db(*answers(program, stats, widths, scored, shifts)) for shifts in (found, {})
        ]
        used = sum(program.graph.by_name[n].weight_elements * b for n, b in widths.items())
        print(
            "ours, widths {}: {:.2f} MB, {:.1f} dB, biases kept {:.1f} dB".format(
                name, used / 8e6, *ratios
            )
        )
    return marks[-1] - start


CHOICES = {"2, 4, 8": (2, 4, 8), "2, 3, 4, 5, 6, 8": WIDTHS}


def choose(program: Program, stats: Stats, widths: tuple[int, ...]) -> dict[str, int]:
    """Choose the widths of least distortion within half of the memory at 8 bits."""
    layers = list(program.weights)
    elements = [program.graph.by_name[name].weight_elements for name in layers]
    distortion = [[stats.distortions[n, "weight", b].distortion for b in widths] for n in layers]
    cost = [[packed_bytes(count, b) for b in widths] for count in elements]
    found = allocate(distortion, cost, sum(elements) // 2)
    return {name: widths[i] for name, i in zip(layers, found.choice, strict=True)}


def answers(
    program: Program,
    stats: Stats,
    widths: Mapping[str, int],
    images: Tensor,
    shifts: dict[str, Tensor],
    *,
    correct: bool = False,
) -> tuple[Tensor, Tensor]:
    """Compute the logits of the float network, and those with quantized weights and biases.

    Args:
        program: The network.
        stats: Statistics with the grids of the weights.
        widths: Width of each weight.
        images: Images to run.
        shifts: Mean error of each layer's channels, which is subtracted.
        correct: Whether to measure ``shifts`` first, layer by layer, on the quantized network.
    """
    wiring = Wiring(program)
    run = ReplayedRun(wiring, (images,), [])
    values = {}
    roots = {}
    for layer, bits in widths.items():
        grid = stats.grids[layer, "weight", bits]
        weight = fake_quantize(program.weight(layer), grid, program.weights[layer].axis)
        values.update(dict.fromkeys(wiring.sources(layer), weight))
        roots[wiring.readers[layer][0][1][0]] = layer
    with torch.no_grad():
        for node in wiring.after(list(values)):
            if node.op == "output":
                break
            value = run.replay(values, [node])
            layer = roots.get(node, "")
            if layer and correct:
                error = value - run.env[node]
                channels = 1 if kind_of(node) == "conv" else error.dim() - 1
                others = [i for i in range(error.dim()) if i != channels]
                shifts[layer] = error.mean(others, keepdim=True)
            values[node] = value - shifts[layer] if layer in shifts else value
        return run.outputs[0], values[node.args[0][0]]


def theirs(module: nn.Module, images: Tensor, scored: Tensor, probed: int) -> float | None:
    """Print the toolkit's time and ratios; return its seconds, None if it is not installed."""
    if importlib.util.find_spec("model_compression_toolkit") is None:
        print("theirs: left out, model-compression-toolkit is not installed")
        return None
    import model_compression_toolkit as mct  # noqa: PLC0415 - slow, and not always there
    from mct_quantizers import PytorchActivationQuantizationHolder  # noqa: PLC0415

    weights = sum(
        layer.weight.numel()
        for layer in module.modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    )

    def batches() -> Iterator[list[Tensor]]:
        for batch in images.split(16):
            yield [batch]

    def quantize(chosen: list[int] | None, *, correct: bool) -> tuple[nn.Module, Any]:
        config = mct.core.CoreConfig(
            quantization_config=mct.core.QuantizationConfig(weights_bias_correction=correct),
            mixed_precision_config=mct.core.MixedPrecisionQuantizationConfig(
                num_of_images=probed, configuration_overwrite=chosen
            ),
        )
        memory = mct.core.ResourceUtilization(weights_memory=weights / 2)
        found, info = mct.ptq.pytorch_post_training_quantization(
            module, batches, target_resource_utilization=memory, core_config=config
        )
        return found.cpu(), info

    def ratio(network: nn.Module) -> float:
        with torch.no_grad():
            return sqnr_db(module(scored), network(scored))

    def weights_only(network: nn.Module) -> nn.Module:
        for name, layer in list(network.named_modules()):
            if isinstance(layer, PytorchActivationQuantizationHolder):
                network.set_submodule(name, nn.Identity())
        return network

    start = time.perf_counter()
    quantized, info = quantize(None, correct=True)
    seconds = time.perf_counter() - start
    used = info.final_resource_utilization.weights_memory
    as_made = ratio(quantized)
    kept, _ = quantize(info.mixed_precision_cfg, correct=False)
    print(
        f"theirs: {seconds:.1f} s, {used / 1e6:.2f} MB, {ratio(weights_only(quantized)):.1f} dB, "
        f"biases kept {ratio(weights_only(kept)):.1f} dB, 8-bit activations {as_made:.1f} dB"
    )
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--images", type=int, default=64, help="images to calibrate on; as many others are scored"
    )
    parser.add_argument(
        "--probed",
        type=int,
        default=8,
        help="images on which autosplit measures the change of the output",
    )
    parser.add_argument(
        "--theirs", type=int, help="images on which the toolkit measures (default: all)"
    )
    parser.add_argument("--only", choices=["ours", "theirs"], help="run one of the two tools")
    asked = parser.parse_args()
    module, images, scored = network(), synthetic(asked.images, 0), synthetic(asked.images, 1)
    mine = other = None
    if asked.only != "theirs":
        mine = ours(module, images, scored, asked.probed)
    if asked.only != "ours":
        other = theirs(module, images, scored, asked.theirs or asked.images)
    if mine and other:
        print(f"theirs / ours: {other / mine:.1f} times (must be at least 20, aim 50)")


if __name__ == "__main__":
    main()
