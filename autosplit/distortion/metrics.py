"""What quantizing one tensor does to the network's answer: the distortion that the search adds up.

``measure`` leaves noise over signal, which knows nothing of what a tensor is for.  Two other
metrics ask the network, by gradients of its answer with respect to every layer's output:

``fisher`` weighs the squared error of every element by the square of its gradient, from one
backward pass per batch (the diagonal of the empirical Fisher information).

``output`` is the change of the output itself.  With J the Jacobian of the output with respect to a
tensor and d that tensor's error, J d is what reaches the output, and a backward pass from an
output vector v gives g = J^T v with v . J d = g . d, for all tensors, widths and samples at once.
The vectors are chosen so that the sum of the squares of v . J d is the square of J d in the metric
that counts.  Where that predicts much harm, a first-order answer is not to be trusted: there the
network is run again, only from that tensor on.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, fx

from autosplit.capture.operators import kind_of
from autosplit.capture.program import Program
from autosplit.capture.replay import ReplayedRun, Wiring
from autosplit.distortion.divergence import label_loss, output_divergence, probes
from autosplit.distortion.finished_share import Gains, coarse_of
from autosplit.errors import StageError, did_you_mean
from autosplit.quantize.affine import fake_quantize
from autosplit.quantize.unit_scale import exponent_of, squares_fit, wide_enough
from autosplit.stats.stats import Role, Stats, TensorAtWidth

Batch = Tensor | Sequence[Tensor]
Batches = Callable[[], Iterator[Batch]]
Advance = Callable[[int], None]
"""Told of each batch that is done, how many samples."""

PROBES = 4
"""Backward passes for each sample; the first three take the classes that are most probable."""
REPLAYS = 10.0
"""Float passes that running again from a tensor on may cost, all tensors and widths together."""
_SURE = 1e-3  # divergence, in nats, below which the first order will do
_ELEMENTS = 3 << 28  # gradients kept at a time
_TILE = 1 << 17  # elements worked on at a time, so that they stay in cache
_ENOUGH = 1 << 19  # elements of a step's activation whose squared errors stand for those of all


def sensitivity(
    program: Program,
    batches: Batches,
    stats: Stats,
    metric: str = "output",
    seed: int = 0,
    advance: Advance | None = None,
    *,
    finished: bool = True,
) -> Stats:
    """Statistics with the distortions of a metric in place of noise over signal.

    A tensor that the answer does not depend on (or not by a derivative: an index) has distortion
    0.  None is negative, infinite or NaN.

    Args:
        program: The captured network.
        batches: Those that the statistics were measured on.
        stats: From ``measure``.
        metric: A name in ``METRICS``.
        seed: Of the random output vectors.
        advance: Told of samples done.
        finished: Whether coarse weights are counted as ``recover`` chooses their integers, and
            not as rounded to the nearest.

    Raises:
        StageError: The metric is unknown.
    """
    check_metric(metric)
    generator = torch.Generator().manual_seed(seed)
    wiring = Wiring(program)
    errors = _Errors(program, stats, wiring, Gains(program, wiring, seed) if finished else None)
    harm = METRICS[metric](errors, batches, generator, advance or (lambda _: None))
    distortions = {
        key: replace(found, distortion=_clean(harm[key])) if key in harm else found
        for key, found in stats.distortions.items()
    }
    return replace(stats, distortions=distortions)


def check_metric(metric: str) -> None:
    """Make sure that a metric has a name that is known.

    Raises:
        StageError: It has not.
    """
    if metric not in METRICS:
        raise StageError(f"metric: unknown name {metric!r}{did_you_mean(metric, METRICS)}")


def _clean(value: float) -> float:
    """A distortion that a search can add up, whatever a broken gradient made of it."""
    return min(max(value, 0.0), 1e30) if not math.isnan(value) else 1e30


def _keep(
    _errors: _Errors, _batches: Batches, _random: torch.Generator, _tell: Advance
) -> dict[TensorAtWidth, float]:
    """``mse``: noise over signal, as measured."""
    return {}


@dataclass(frozen=True)
class _Errors:
    """Values of tensors after quantization, at the grids that were measured.

    Attributes:
        program: The captured network.
        stats: From ``measure``.
        wiring: Of the program.
        gains: What finishing leaves of the weights' errors; None: all.
    """

    program: Program
    stats: Stats
    wiring: Wiring
    gains: Gains | None

    def see(self, run: ReplayedRun) -> None:
        """Learn from a run what finishing will leave."""
        if self.gains is not None:
            self.gains.see(run)

    def left(self, key: TensorAtWidth) -> float:
        """Share of a tensor's squared error that finishing leaves."""
        return 1.0 if self.gains is None else self.gains.left(key, self.stats.weight_grids)

    def weight(self, layer: str, width: int) -> Tensor:
        """A stored weight after quantization."""
        grid = self.stats.grids[layer, "weight", width]
        return fake_quantize(self.program.weight(layer), grid, self.program.weights[layer].axis)

    def activation(self, tensor: str, width: int, value: Tensor) -> Tensor:
        """Some elements of an activation after quantization."""
        return fake_quantize(value, self.stats.grids[tensor, "activation", width])

    def wide_enough(self, tensor: str, rows: Tensor, gradients: Sequence[Tensor]) -> list[Tensor]:
        """An activation and gradients of it, in float64 where its errors times them need that."""
        found, grids = self.stats.tensors[tensor], self.stats.grids
        widths = self.widths(tensor, "activation")
        step = min(grids[tensor, "activation", width].per_tensor[0] for width in widths)
        ends = (step, max(-found.min, found.max))  # errors are of about a step, or clipped
        if squares_fit([math.frexp(end)[1] for end in ends], map(exponent_of, gradients)):
            return [rows, *gradients]
        return [value.double() for value in (rows, *gradients)]

    def coarse(self, layer: str) -> list[int]:
        """Widths at which a weight's error is carried through its layer."""
        return coarse_of(self.widths(layer, "weight"))

    def scaled(self, key: TensorAtWidth, found: Mapping[TensorAtWidth, float]) -> float:
        """Harm of a tensor at a width, of a fine weight from that at a coarser width."""
        tensor, role, _ = key
        if key in found or role == "activation":
            return found.get(key, 0.0)
        known: TensorAtWidth = (tensor, role, self.coarse(tensor)[-1])
        square = self.stats.distortions[known].mse
        ratio = self.stats.distortions[key].mse / square if square else 0.0
        return found.get(known, 0.0) * ratio

    def widths(self, name: str, role: Role) -> list[int]:
        """Widths at which a tensor was measured."""
        return [b for tensor, kind, b in self.stats.distortions if (tensor, kind) == (name, role)]


def _fisher(
    errors: _Errors, batches: Batches, random: torch.Generator, tell: Advance
) -> dict[TensorAtWidth, float]:
    """``fisher``: half the sum of gradient^2 error^2, per sample.

    The loss is that of labels drawn from the network's own answer.  Then gradients have mean 0,
    and the square of a batch's summed gradient is on average the sum of the samples' squares,
    which is what a weight, the same for all samples, needs.
    """
    found: dict[TensorAtWidth, float] = defaultdict(float)
    program, wiring = errors.program, errors.wiring
    sources = {source.name: layer for layer in program.weights for source in wiring.sources(layer)}
    tensors = {node.name: tensor for node, tensor in wiring.written.items()}
    squares: dict[str, Tensor] = {}
    samples = 0
    for inputs in _chunks(program, batches, 1):
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
                rows = _rows(program, tensors[name], value), _rows(program, tensors[name], gradient)
                _add(found, tensors[name], "activation", _weighted(*rows, errors, tensors[name]))
            elif gradient is not None:
                layer = sources[name]
                summed[layer] = summed[layer] + gradient if layer in summed else gradient
        for layer, gradient in summed.items():
            (gradient,) = wide_enough(gradient)  # noqa: PLW2901
            squares[layer] = squares.get(layer, 0) + gradient.square()
        samples += len(inputs[0])
        tell(len(inputs[0]))
    for layer, square in squares.items():
        for width in errors.widths(layer, "weight"):
            (error,) = wide_enough(errors.weight(layer, width) - program.weight(layer))
            products = torch.mul(*wide_enough(square, error.square()))
            harm = float(products.sum()) / 2
            found[layer, "weight", width] = harm * errors.left((layer, "weight", width))
    return {key: found[key] / max(samples, 1) for key in errors.stats.distortions}


def _output(
    errors: _Errors, batches: Batches, random: torch.Generator, tell: Advance
) -> dict[TensorAtWidth, float]:
    """``output``: how far the answer moves, per sample, when one tensor alone is quantized."""
    found: dict[TensorAtWidth, float] = defaultdict(float)
    program, wiring = errors.program, errors.wiring
    readers = {
        reader: (layer, chain)
        for layer in program.weights
        for reader, chain in wiring.readers[layer]
    }
    samples = 0
    for inputs in _chunks(program, batches, PROBES):
        run = ReplayedRun(wiring, inputs, [node.name for node in wiring.written])
        errors.see(run)
        for tensor, gradients in _jacobian(run, wiring, random).items():
            value = run.env[wiring.nodes[program.nodes[tensor]]].detach()
            projections = [_rows(program, tensor, gradient) for gradient in gradients]
            rows = _rows(program, tensor, value)
            _add(found, tensor, "activation", _projected(rows, projections, errors, tensor))
            if tensor in readers:
                layer, chain = readers[tensor]
                for width in errors.coarse(layer):
                    with torch.no_grad():
                        weight = errors.weight(layer, width)
                        written = _product(run, wiring, layer, chain[0], weight)
                        error = run.replay({chain[0]: written}, chain[1:]) - value
                    rows, *parts = wide_enough(_rows(program, tensor, error), *projections)
                    found[layer, "weight", width] += _squared(_dots(rows, parts)) / 2
        samples += len(inputs[0])
        tell(len(inputs[0]))
    first = {
        key: errors.scaled(key, found) / samples * errors.left(key)
        for key in errors.stats.distortions
    }
    return first | _replayed(errors, batches, first)


def _jacobian(run: ReplayedRun, wiring: Wiring, random: torch.Generator) -> dict[str, list[Tensor]]:
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


def _replayed(
    errors: _Errors, batches: Batches, first: Mapping[TensorAtWidth, float]
) -> dict[TensorAtWidth, float]:
    """How far the answer really moves for the tensors and widths that seem to matter most."""
    program, wiring = errors.program, errors.wiring
    chosen = _worst(program, first)
    if not chosen:
        return {}
    found: dict[TensorAtWidth, float] = defaultdict(float)
    samples = 0
    for inputs in _chunks(program, batches, 1):
        run = ReplayedRun(wiring, inputs, [])
        for key in chosen:
            tensor = key[0]
            with torch.no_grad():
                overrides = _overrides(run, errors, key)
                outputs = run.replay(overrides, wiring.after(list(overrides)))
            # what finishing leaves is in the product already where one layer reads a weight
            share = errors.left(key) if len(wiring.readers[tensor]) > 1 else 1.0
            found[key] += share * output_divergence(run.outputs, outputs)
        samples += len(inputs[0])
    return {key: harm / samples for key, harm in found.items()}


def _overrides(run: ReplayedRun, errors: _Errors, key: TensorAtWidth) -> dict[fx.Node, Tensor]:
    """What a run has instead of its values when one tensor is quantized."""
    (tensor, role, width), wiring = key, errors.wiring
    if role == "activation":
        node = wiring.nodes[wiring.program.nodes[tensor]]
        return {node: errors.activation(tensor, width, run.env[node])}
    weight = errors.weight(tensor, width)
    readers = wiring.readers[tensor]
    if len(readers) > 1:  # one may read what another wrote
        return dict.fromkeys(wiring.sources(tensor), weight)
    root = readers[0][1][0]
    return {root: _product(run, wiring, tensor, root, weight, errors.left(key))}


def _product(
    run: ReplayedRun, wiring: Wiring, layer: str, root: fx.Node, weight: Tensor, left: float = 1.0
) -> Tensor:
    """What a layer's product is with another weight, its bias corrected.

    The mean over samples and places is moved back to what it was, as bias correction does (Nagel
    et al. 2019, section 4.2).  ``left`` is the share of the squared error that finishing leaves.
    """
    value: Tensor = run.env[root].detach()
    error: Tensor = run.replay(dict.fromkeys(wiring.sources(layer), weight), [root]) - value
    axis = 1 if kind_of(root) == "conv" else error.dim() - 1
    others = [i for i in range(error.dim()) if i != axis]
    return value + (error - error.mean(others, keepdim=True)).mul_(math.sqrt(left))


def _worst(program: Program, first: Mapping[TensorAtWidth, float]) -> list[TensorAtWidth]:
    """Tensors and widths of most predicted harm, as many as ``REPLAYS`` float passes can run."""
    graph = program.graph
    rest, cost = 0, {}
    for layer in reversed(graph.layers):
        cost[layer.name, "activation"] = rest
        rest += layer.macs
        cost[layer.name, "weight"] = rest
    left = REPLAYS * max(rest, 1)
    chosen = []
    for key, harm in sorted(first.items(), key=lambda item: (-item[1], item[0])):
        price = cost.get(key[:2])
        if price is None or key[2] < 2:
            continue  # inputs have one width in a search
        left -= price
        if harm < _SURE or left < 0:
            break
        chosen.append(key)
    return chosen


def _chunks(program: Program, batches: Batches, copies: int) -> Iterator[tuple[Tensor, ...]]:
    """The samples, as many at a time as their gradients fit the memory that is for them."""
    elements = sum(map(program.graph.elements, program.graph.tensors))
    for batch in batches():
        yield from program.steps(batch, _ELEMENTS // (elements * copies))


def _rows(program: Program, tensor: str, value: Tensor) -> Tensor:
    """A tensor, or its gradient, as (samples, elements), without gradients."""
    return program.samples(tensor, value.detach()).flatten(1)


def _weighted(
    rows: Tensor, gradient: Tensor, errors: _Errors, tensor: str
) -> Iterator[tuple[int, float]]:
    """Width and sum of gradient^2 error^2 of an activation."""
    widths = errors.widths(tensor, "activation")
    total = dict.fromkeys(widths, 0.0)
    rows, gradient = errors.wide_enough(tensor, rows, (gradient,))
    size = max(_TILE // len(rows), 1)
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


def _projected(
    rows: Tensor, gradients: Sequence[Tensor], errors: _Errors, tensor: str
) -> Iterator[tuple[int, float]]:
    """Width and sum over samples and gradients of (gradient . error)^2 of an activation."""
    widths = errors.widths(tensor, "activation")
    rows, *gradients = errors.wide_enough(tensor, rows, gradients)
    total = torch.zeros(len(widths), len(gradients), len(rows), dtype=rows.dtype)
    size = max(_TILE // len(rows), 1)
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


def _add(
    found: dict[TensorAtWidth, float], tensor: str, role: Role, sums: Iterator[tuple[int, float]]
) -> None:
    for width, value in sums:
        found[tensor, role, width] += value / 2


METRICS = {"mse": _keep, "fisher": _fisher, "output": _output}
"""Name -> function that gives the distortion of every (tensor, role, width)."""
