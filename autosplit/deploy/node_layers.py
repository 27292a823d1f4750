"""Which layer a node of an exported network belongs to, written into the node's name.

A runtime gives a fused node the name of one of its parts, or of the value that one writes, perhaps
with an ending, so that the name of a layer at its beginning stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import fx

import autosplit.deploy.quantize_operators  # noqa: F401 - registers the operators
from autosplit.capture.program import Program
from autosplit.deploy.node_seconds import PART
from autosplit.grid.grid import Grid
from autosplit.halves.partition import Insert
from autosplit.plan.planfile import PlanFile

if TYPE_CHECKING:
    from onnx import ModelProto

MARK = "Mod"
"""What marks become in ONNX; no operator of a network becomes one with the attribute ``fmod`` and
a second input that is a half above a whole number."""


def quantized_ends(model: ModelProto, program: Program, file: PlanFile) -> dict[str, str]:
    """Value -> the tensor that it is, in an edge half.

    The k-th value on a grid is the k-th quantized tensor's.

    Args:
        model: The edge half of a plan that computes all of the network on the edge.
        program: The captured network.
        file: The plan.
    """
    grids = [n for n in model.graph.node if re.fullmatch(r"node_on_grid(_\d+)?", n.name)]
    tensors = [t for t in tensors_in_order(program) if isinstance(file.activations[t], Grid)]
    return {node.output[0]: tensor for tensor, node in zip(tensors, grids, strict=True)}


def tensors_in_order(program: Program) -> list[str]:
    """Every tensor, in the order in which the program computes them."""
    order = {node.name: place for place, node in enumerate(program.module.graph.nodes)}
    return sorted(program.nodes, key=lambda one: order[program.nodes[one]])


def marking(tensors: Sequence[str]) -> Insert:
    """What ``cloud_part`` calls to mark every tensor with its place among ``tensors``."""

    def insert(graph: fx.Graph, node: fx.Node, tensor: str) -> fx.Node:
        if "val" in node.meta and not node.meta["val"].is_floating_point():
            return node
        mark = torch.ops.autosplit.layer_end.default
        new = graph.call_function(mark, (node, tensors.index(tensor)))
        new.meta = {**node.meta}
        return new

    return insert


def take_marks(model: ModelProto, tensors: Sequence[str]) -> dict[str, str]:
    """Take the marks out of a model; gives value -> the tensor that it is.

    Args:
        model: Changed in place.
        tensors: As for ``marking``.
    """
    from onnx import numpy_helper

    graph = model.graph
    constants = {one.name: one for one in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            constants[node.output[0]] = node.attribute[0].t
    outputs = {one.name for one in graph.output}
    ends: dict[str, str] = {}
    renamed: dict[str, str] = {}
    kept = []
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        if node.op_type != MARK:
            kept.append(node)
            continue
        value, marked = node.input[0], node.output[0]
        place = float(numpy_helper.to_array(constants[node.input[1]]))
        tensor = tensors[int(place)]
        if marked in outputs:  # what writes the value takes the output's name
            for other in kept:
                other.input[:] = [marked if name == value else name for name in other.input]
                other.output[:] = [marked if name == value else name for name in other.output]
            ends[marked] = tensor
            renamed |= {name: marked for name, now in renamed.items() if now == value}
            renamed[value] = marked
        else:
            ends[value] = tensor
            renamed[marked] = value
    del graph.node[:]
    graph.node.extend(kept)
    return ends


def name_nodes(model: ModelProto, ends: Mapping[str, str]) -> None:
    """Let the names of every node and of what it writes start with that of its layer.

    A node belongs to the layer whose tensor is first computed from what the node writes; behind all
    tensors, to the last that it reads.

    Args:
        model: Changed in place, the names of its outputs too.
        ends: Value -> the tensor that it is.
    """
    nodes = list(model.graph.node)
    owner: dict[str, str] = dict(ends)
    for node in reversed(nodes):
        found = _first(owner, node.output)
        if found is not None:  # of several readers the first is seen last
            owner |= {name: found for name in node.input if name not in ends}
    renamed: dict[str, str] = {}
    for place, node in enumerate(nodes):
        found = _first(owner, node.output) or _first(owner, node.input)
        if found is not None:
            owner |= {name: found for name in node.output if name not in owner}
        node.name = f"{found or 'none'}{PART if found else '/'}{place}"
        renamed |= {name: f"{node.name}.{k}" for k, name in enumerate(node.output) if name}
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    for output in model.graph.output:
        output.name = renamed.get(output.name, output.name)


def _first(owner: Mapping[str, str], names: Iterable[str]) -> str | None:
    return next((owner[name] for name in names if name in owner), None)
