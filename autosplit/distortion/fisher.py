"""Metric ``fisher``: squared errors weighed by the diagonal of the Fisher information.

Half the sum of gradient^2 error^2 per sample (LeCun, Denker and Solla 1989, eq. 3, with the Fisher
information in place of the Hessian).  The gradients are of the log likelihood of labels that are
drawn from the network itself; one backward pass for each batch gives them for all tensors.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import torch
from torch import Tensor

from autosplit.capture.program import Batches
from autosplit.capture.replay import ReplayedRun
from autosplit.distortion.divergence import label_loss
from autosplit.distortion.quantization_errors import QuantizationErrors
from autosplit.distortion.tiles import TILE, chunks, rows_of_tensor
from autosplit.progress import Advance
from autosplit.quantize.unit_scale import wide_enough
from autosplit.stats.stats import TensorAtWidth

_ENOUGH = 1 << 19  # elements of a step's activation whose squared errors stand for those of all


def fisher(
    errors: QuantizationErrors, batches: Batches, random: torch.Generator, tell: Advance
) -> dict[TensorAtWidth, float]:
    """Distortion of each tensor at each width: half the sum of gradient^2 error^2, per sample.

    With labels drawn from the network's own logits, gradients have mean 0,
    and the square of a batch's summed gradient is on average the sum of the samples' squares,
    which is what a weight, the same for all samples, needs.
    """
    found: dict[TensorAtWidth, float] = defaultdict(float)
    program, wiring = errors.program, errors.wiring
    sources = {source.name: layer for layer in program.weights for source in wiring.sources(layer)}
    tensors = {node.name: tensor for node, tensor in wiring.written.items()}
    squares: dict[str, Tensor] = {}
    samples = 0
    for inputs in chunks(program, batches, 1):
        run = ReplayedRun(wiring, inputs, [*tensors, *sources])
        errors.see(run)
        values = run.values([*tensors, *sources])
        loss = label_loss(run.outputs, random)
        if not loss.requires_grad:
            break
        gradients = torch.autograd.grad(loss, list(values.values()), allow_unused=True)
        summed: dict[str, Tensor] = {}
        for (name, value), gradient in zip(values.items(), gradients, strict=True):
            if gradient is not None and name in tensors:
                tensor = tensors[name]
                rows, slopes = (rows_of_tensor(program, tensor, x) for x in (value, gradient))
                for width, total in _weighted(rows, slopes, errors, tensor):
                    found[tensor, "activation", width] += total / 2
            elif gradient is not None:
                layer = sources[name]
                summed[layer] = summed[layer] + gradient if layer in summed else gradient
        for layer, gradient in summed.items():
            (gradient,) = wide_enough(gradient)  # noqa: PLW2901
            squares[layer] = squares.get(layer, 0) + gradient.square()
        samples += program.count(inputs)
        tell(program.count(inputs))
    for layer, square in squares.items():
        for width in errors.widths(layer, "weight"):
            (error,) = wide_enough(errors.weight(layer, width) - program.weight(layer))
            products = torch.mul(*wide_enough(square, error.square()))
            half_sum = float(products.sum()) / 2
            found[layer, "weight", width] = half_sum * errors.left((layer, "weight", width))
    return {key: found[key] / max(samples, 1) for key in errors.stats.distortions}


def _weighted(
    rows: Tensor, gradient: Tensor, errors: QuantizationErrors, tensor: str
) -> Iterator[tuple[int, float]]:
    """Width and sum of gradient^2 error^2 of an activation."""
    widths = errors.widths(tensor, "activation")
    total = dict.fromkeys(widths, 0.0)
    rows, gradient = errors.wide_enough(tensor, rows, (gradient,))
    size = max(TILE // len(rows), 1)
    every = max(rows.numel() // _ENOUGH, 1)
    tiles = list(zip(rows.split(size, 1), gradient.split(size, 1), strict=True))
    chosen = tiles[every // 2 :: every]
    share = sum(x.numel() for x, _ in chosen) / rows.numel()
    for x, g in chosen:
        square = g.square() / share
        for width in widths:
            error = errors.activation(tensor, width, x).sub_(x)
            total[width] += float(torch.dot(error.square_().flatten(), square.flatten()))
    yield from total.items()
