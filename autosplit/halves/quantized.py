"""The edge half of a plan in two forms: quantized for other tools, and on exact integers.

``quantized_half`` is what other tools take: a module whose weights are on their grids already and
whose tensors are quantized and dequantized by division, rounding, clamping and multiplication.  Its
numbers are those of ``integer_half``, the exact reference, but for the order in which float32 sums
round.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, fx

from autosplit.capture.operators import arguments, weight_argument
from autosplit.capture.program import Program
from autosplit.errors import PlanError
from autosplit.graph.graph import Cut
from autosplit.grid.grid import Grid, steps_of
from autosplit.halves.integer_kernels import IntegerWeight
from autosplit.halves.lowering import biases_on_grids, lower
from autosplit.halves.partition import Half, edge_part
from autosplit.plan.planfile import PlanFile
from autosplit.quantize.affine import fake_quantize_, numbers_along, quantize_to_levels


def quantized_half(program: Program, file: PlanFile) -> fx.GraphModule:
    """The edge half as a module that ``torch.export.export`` and ``torch.onnx.export`` take.

    Every quantized tensor is x -> clamp(round(x / scale), -zero, 2^bits - 1 - zero) * scale, of
    four standard operators; every quantized weight is (code - zero) * scale; every bias of a layer
    on integers is a whole number of steps of its accumulator.  What differs from ``integer_half``
    is the rounding of float32 sums: where a sum falls on the middle between two levels, the level
    may be the other one.

    Args:
        program: The captured network.
        file: The plan with its grids.

    Returns:
        A module that takes the network's inputs, each (batch, ...), and gives a tuple: the crossing
        tensors, then those of the network's outputs that the edge computes.  ``meta["writes"]``
        has their names, ``meta["reads"]`` those of the inputs.

    Raises:
        PlanError: The plan is for a network with other layers, or was finished for one with other
            weights.
    """
    cut = check_plan(program, file)
    half = marked_half(program, file, cut)
    weights = integer_weights(program, file, cut)
    biases = biases_on_grids(half, weights)
    module = _standard(half, weights, biases).module()
    module.meta.update(reads=half.reads, writes=half.writes)
    return module


def integer_half(program: Program, file: PlanFile) -> Half:
    """The edge half as a device with integers alone computes it; the reference for every export.

    ``halves/lowering.py`` says what is computed, to the last bit.

    Args:
        program: The captured network.
        file: The plan with its grids.

    Raises:
        PlanError: The plan is for a network with other layers, or was finished for one with other
            weights.
    """
    cut = check_plan(program, file)
    return lower(marked_half(program, file, cut), integer_weights(program, file, cut))


def _standard(half: Half, weights: dict[str, IntegerWeight], biases: dict[str, Tensor]) -> Half:
    """The half with weights and biases on their grids, and standard operators that quantize.

    Args:
        half: With ``fake_quantize_`` after every quantized tensor; changed in place.
        weights: ``get_attr`` target of a weight -> its integers.
        biases: Name of a node -> its bias.
    """
    graph = half.operators
    constants = dict(half.constants)
    for node in list(graph.nodes):
        if node.target is fake_quantize_:
            _quantize_by_standard_operators(graph, node)
        weight = weight_argument(node) if node.op == "call_function" else None
        if weight is not None and str(weight.target) in weights:
            constants[str(weight.target)] = weights[str(weight.target)].real
        if node.name in biases:
            name = f"{node.name}/bias"
            constants[name] = biases[node.name].float()
            with graph.inserting_before(node):
                bias = graph.create_node("get_attr", name)
            node.kwargs, node.args = {**arguments(node), "bias": bias}, ()
    return half.with_used(constants)


def _quantize_by_standard_operators(graph: fx.Graph, node: fx.Node) -> None:
    """Replace one ``fake_quantize_`` by division, rounding, clamping and multiplication."""
    numbers: tuple[Any, ...] = node.args
    source, step, zero, bits = numbers
    if source.target is torch.clone:  # nothing is overwritten here
        (source,) = source.args
    with graph.inserting_before(node):
        levels = graph.call_function(torch.div, (source, step))
        levels = graph.call_function(torch.round, (levels,))
        ends = -zero, steps_of(bits) - zero
        levels = graph.call_function(torch.clamp, (levels, *ends))
        value = graph.call_function(torch.mul, (levels, step))
    value.meta = {**node.meta}
    node.replace_all_uses_with(value)
    graph.erase_node(node)


def check_plan(program: Program, file: PlanFile) -> Cut:
    """The cut of a plan, once it is known to be one of this network.

    Raises:
        PlanError: The plan is for a network with other layers, or was finished for one with other
            weights.
    """
    graph, name = program.graph, file.plan.name
    if file.equalized != graph.equalized:
        words = {True: "equalized", False: "not equalized"}
        raise PlanError(
            f"{name}: is for the network {words[file.equalized]}, {graph.name} is "
            f"{words[graph.equalized]}; see --equalize of stats"
        )
    unknown = [layer for layer in file.plan.edge if layer not in graph.by_name]
    if unknown:
        raise PlanError(f"{name}: is for another network, {graph.name} has no {unknown[0]!r}")
    if file.weights_sha256 not in ("", program.weights_sha256):
        raise PlanError(
            f"{name}: must run on the weights that it was finished for, those of {graph.name} are "
            "others; load the same, or run: autosplit quantize --force"
        )
    return graph.cut(file.plan.edge)


def marked_half(program: Program, file: PlanFile, cut: Cut, kept: Iterable[str] = ()) -> Half:
    """The edge half with ``fake_quantize_`` after every tensor that the plan quantizes.

    Tensors that stay floats, and an input that is sent as a JPEG file, stay as they are.

    Args:
        program: The captured network.
        file: The plan with its grids.
        cut: Its cut.
        kept: Tensors of the edge side that the half writes too.
    """
    graph = program.graph
    jpeg = graph.inputs if file.plan.input_coding is not None else ()

    def insert(half: fx.Graph, node: fx.Node, tensor: str) -> fx.Node:
        grid = file.activations[tensor]
        if not isinstance(grid, Grid) or tensor in jpeg:
            return node
        meta = node.meta
        if tensor in graph.inputs:  # the caller's own, which must not be overwritten
            node = half.call_function(torch.clone, (node,))
        node = half.call_function(fake_quantize_, (node, *grid.per_tensor, grid.bits))
        node.meta = {**meta}
        return node

    return edge_part(program, cut, insert=insert, kept=kept)


def integer_weights(program: Program, file: PlanFile, cut: Cut) -> dict[str, IntegerWeight]:
    """``get_attr`` target of every weight that a plan quantizes -> its integers.

    Raises:
        PlanError: The plan has not one scale per output channel, or codes of another shape.
    """
    return {
        program.weights[name].target: integer_weight(program, file, name)
        for name in cut.weights
        if isinstance(file.weights[name], Grid)
    }


def integer_weight(program: Program, file: PlanFile, layer: str) -> IntegerWeight:
    """A layer's weight as the integers of a plan: those that it holds, else the nearest.

    Raises:
        PlanError: The plan has not one scale per output channel, or codes of another shape.
    """
    weight, axis = program.weight(layer), program.weights[layer].axis
    grid = file.weights[layer]
    assert isinstance(grid, Grid)
    if len(grid.scale) != weight.shape[axis]:
        raise PlanError(
            f"{layer}: must have one scale per output channel ({weight.shape[axis]}), "
            f"the plan has {len(grid.scale)}"
        )
    if layer in file.codes:
        codes = torch.from_numpy(file.codes[layer])
        if codes.shape != weight.shape:
            raise PlanError(
                f"{layer}: codes must have the shape {tuple(weight.shape)} of the weight, "
                f"the plan has {tuple(codes.shape)}"
            )
        _, zero_point = numbers_along(grid, axis, weight.dim())
        levels = codes.float().sub_(zero_point)
    else:
        levels = quantize_to_levels(weight, grid, axis).float()
    stored = file.biases.get(layer)
    bias = None if stored is None else torch.from_numpy(stored)
    return IntegerWeight(levels, grid, axis, bias)
