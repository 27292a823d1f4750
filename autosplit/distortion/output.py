"""Metric ``output``: how far the network's output moves when one tensor alone is quantized.

J is the Jacobian of the output with respect to a tensor, and d is the error of that tensor; the
output moves by J d.  A backward pass from an output vector v gives g = J^T v, and v . J d = g . d
for all tensors, widths and samples at once.  The vectors (``divergence.probes``) are chosen so that
the sum of the squares of v . J d is the square of J d in the divergence of the output.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from autosplit.capture.program import Batches
from autosplit.capture.replay import ReplayedRun, Wiring
from autosplit.distortion.divergence import probes
from autosplit.distortion.quantization_errors import QuantizationErrors
from autosplit.distortion.replayed import layer_product, replayed_change
from autosplit.distortion.tiles import TILE, chunks, rows_of_tensor
from autosplit.progress import Advance
from autosplit.quantize.unit_scale import wide_enough
from autosplit.stats.stats import TensorAtWidth

PROBES = 4
"""Backward passes for each sample; the first three take the classes that are most probable."""


def output_change(
    errors: QuantizationErrors, batches: Batches, random: torch.Generator, tell: Advance
) -> dict[TensorAtWidth, float]:
    """Divergence of the output, per sample, when each tensor at each width is quantized alone."""
    found: dict[TensorAtWidth, float] = defaultdict(float)
    program, wiring = errors.program, errors.wiring
    readers = {
        reader: (layer, chain)
        for layer in program.weights
        for reader, chain in wiring.readers[layer]
    }
    samples = 0
    for inputs in chunks(program, batches, PROBES):
        run = ReplayedRun(wiring, inputs, [node.name for node in wiring.written])
        errors.see(run)
        for tensor, gradients in _vector_jacobian_products(run, wiring, random).items():
            value = run.env[wiring.nodes[program.nodes[tensor]]].detach()
            projections = [rows_of_tensor(program, tensor, gradient) for gradient in gradients]
            rows = rows_of_tensor(program, tensor, value)
            for width, square in _projected(rows, projections, errors, tensor):
                found[tensor, "activation", width] += square / 2
            if tensor in readers:
                layer, chain = readers[tensor]
                for width in errors.coarse(layer):
                    with torch.no_grad():
                        weight = errors.weight(layer, width)
                        if wiring.is_one_tensor(chain[0]):
                            written = layer_product(run, wiring, layer, chain[0], weight)
                            error = run.replay({chain[0]: written}, chain[1:]) - value
                        else:
                            nodes = [*wiring.views(chain[0]), *chain]
                            sources = dict.fromkeys(wiring.sources(layer), weight)
                            error = run.replay(sources, nodes) - value
                    rows, *parts = wide_enough(rows_of_tensor(program, tensor, error), *projections)
                    found[layer, "weight", width] += _squared(_dots(rows, parts)) / 2
        samples += program.count(inputs)
        tell(program.count(inputs))
    first = {
        key: errors.scaled(key, found) / samples * errors.left(key)
        for key in errors.stats.distortions
    }
    return first | replayed_change(errors, batches, first)


def _vector_jacobian_products(
    run: ReplayedRun, wiring: Wiring, random: torch.Generator
) -> dict[str, list[Tensor]]:
    """Gradients of each tensor, one for each vector of ``probes``; none where there is no way."""
    values = run.values([node.name for node in wiring.written])
    tensors = [wiring.written[wiring.nodes[name]] for name in values]
    outputs = [value for value in run.outputs if value.is_floating_point()]
    found: dict[str, list[Tensor]] = defaultdict(list)
    for vectors in probes(run.outputs, PROBES, random):
        pairs = [(v, out) for v, out in zip(vectors, outputs, strict=True) if out.requires_grad]
        if not pairs:
            break
        gradients = torch.autograd.grad(
            [out for _, out in pairs],
            list(values.values()),
            [vector for vector, _ in pairs],
            retain_graph=True,
            allow_unused=True,
        )
        for tensor, gradient in zip(tensors, gradients, strict=True):
            if gradient is not None:
                found[tensor].append(gradient)
    return found


def _projected(
    rows: Tensor, gradients: Sequence[Tensor], errors: QuantizationErrors, tensor: str
) -> Iterator[tuple[int, float]]:
    """Width and sum over samples and gradients of (gradient . error)^2 of an activation."""
    widths = errors.widths(tensor, "activation")
    rows, *gradients = errors.wide_enough(tensor, rows, gradients)
    total = torch.zeros(len(widths), len(gradients), len(rows), dtype=rows.dtype)
    size = max(TILE // len(rows), 1)
    tiles = zip(rows.split(size, 1), *(g.split(size, 1) for g in gradients), strict=True)
    for x, *parts in tiles:
        for place, width in enumerate(widths):
            total[place] += _dots(errors.activation(tensor, width, x).sub_(x), parts)
    for width, dots in zip(widths, total, strict=True):
        yield width, _squared(dots)


def _dots(error: Tensor, gradients: Sequence[Tensor]) -> Tensor:
    """Product of each sample's error with each gradient, shape (gradients, samples)."""
    return torch.stack([torch.mul(error, gradient).sum(1) for gradient in gradients])


def _squared(dots: Tensor) -> float:
    """Sum of squares."""
    (dots,) = wide_enough(dots)
    return float(dots.square().sum())
