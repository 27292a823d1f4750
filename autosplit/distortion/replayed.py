"""How far the output really moves: the network is run again from a quantized tensor on.

Where the first order of ``output.py`` predicts a large distortion it is not to be trusted, so the
tensors and widths of the largest predictions are run.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

import torch
from torch import Tensor, fx

from autosplit.capture.operators import kind_of
from autosplit.capture.program import Batches, Program
from autosplit.capture.replay import ReplayedRun, Wiring
from autosplit.distortion.divergence import output_divergence
from autosplit.distortion.quantization_errors import QuantizationErrors
from autosplit.distortion.tiles import chunks
from autosplit.stats.stats import TensorAtWidth

REPLAYS = 10.0
"""Float passes that running again from a tensor on may cost, all tensors and widths together."""
_SURE = 1e-3  # divergence, in nats, below which the first order will do


def replayed_change(
    errors: QuantizationErrors, batches: Batches, first: Mapping[TensorAtWidth, float]
) -> dict[TensorAtWidth, float]:
    """Divergence of the output, per sample, for tensors and widths of the largest prediction."""
    program, wiring = errors.program, errors.wiring
    chosen = _worst(program, first)
    if not chosen:
        return {}
    found: dict[TensorAtWidth, float] = defaultdict(float)
    samples = 0
    for inputs in chunks(program, batches, 1):
        run = ReplayedRun(wiring, inputs, [])
        for key in chosen:
            tensor = key[0]
            with torch.no_grad():
                overrides = _overrides(run, errors, key)
                outputs = run.replay(overrides, wiring.after(list(overrides)))
            # what finishing leaves is in the product already where one layer reads a weight
            share = errors.left(key) if len(wiring.readers[tensor]) > 1 else 1.0
            found[key] += share * output_divergence(run.outputs, outputs)
        samples += program.count(inputs)
    return {key: moved / samples for key, moved in found.items()}


def _overrides(
    run: ReplayedRun, errors: QuantizationErrors, key: TensorAtWidth
) -> dict[fx.Node, Tensor]:
    """What a run has instead of its values when one tensor is quantized."""
    (tensor, role, width), wiring = key, errors.wiring
    if role == "activation":
        node = wiring.nodes[wiring.program.nodes[tensor]]
        return {node: errors.activation(tensor, width, run.env[node])}
    weight = errors.weight(tensor, width)
    readers = wiring.readers[tensor]
    if len(readers) > 1 or not wiring.is_one_tensor(
        readers[0][1][0]
    ):  # one may read what another wrote
        return dict.fromkeys(wiring.sources(tensor), weight)
    root = readers[0][1][0]
    return {root: layer_product(run, wiring, tensor, root, weight, errors.left(key))}


def layer_product(
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
    """Tensors and widths of the largest prediction, as many as ``REPLAYS`` float passes can run."""
    graph = program.graph
    rest = 0  # multiply-accumulates from a layer on
    cost = {}
    for layer in reversed(graph.layers):
        cost[layer.name, "activation"] = rest
        rest += layer.macs
        cost[layer.name, "weight"] = rest
    left = REPLAYS * max(rest, 1)
    chosen = []
    for key, predicted in sorted(first.items(), key=lambda item: (-item[1], item[0])):
        macs = cost.get(key[:2])
        if macs is None or key[2] < 2:
            continue  # inputs have one width in a search
        left -= macs
        if predicted < _SURE or left < 0:
            break
        chosen.append(key)
    return chosen
