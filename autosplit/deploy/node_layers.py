"""Which layer a node of an exported network belongs to.

onnxruntime runs fused nodes, each with the name of a node or of a value before fusing, and with it
its layer.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from torch._ops import OpOverload

from autosplit.capture.program import Program

if TYPE_CHECKING:
    from onnx import ModelProto


def integer_layers(model: ModelProto, program: Program) -> dict[str, str | None]:
    """Name of a node or value -> layer in an edge half.

    The k-th value on a grid is the k-th tensor's.

    Args:
        model: The edge half of a plan that computes all of the network on the edge.
        program: The captured network.
    """
    order = {node.name: place for place, node in enumerate(program.module.graph.nodes)}
    tensors = sorted(program.nodes, key=lambda one: order[program.nodes[one]])
    grids = [n for n in model.graph.node if re.fullmatch(r"node_on_grid(_\d+)?", n.name)]
    owner: dict[str, str | None] = {}
    for tensor, node in zip(tensors, grids, strict=True):
        owner[node.output[0]] = owner[node.input[0]] = tensor
    return _with_nodes(model, owner)


def float_layers(model: ModelProto, program: Program) -> dict[str, str | None]:
    """Name of a node or value -> layer in a float half.

    The k-th value of an operator is that of its k-th call.

    Args:
        model: The cloud half of a plan that computes all of the network in the cloud.
        program: The captured network.
    """
    nodes = list(program.module.graph.nodes)
    layer_of = {node: layer for layer, node in program.nodes.items()}
    calls: dict[str, list[str | None]] = defaultdict(list)
    owner_of: dict[Any, str] = {}
    for node in reversed(nodes):
        users = [owner_of[user] for user in node.users if user in owner_of]
        found = layer_of.get(node.name) or (users[0] if users else None)
        if found is not None:
            owner_of[node] = found
    for node in nodes:
        if node.op == "call_function" and isinstance(node.target, OpOverload):
            name = node.target.name().partition("::")[2].partition(".")[0]
            calls[name].append(owner_of.get(node))
    seen: Counter[str] = Counter()
    owner: dict[str, str | None] = {}
    for one in model.graph.node:
        names = (one.output[0], one.name.removeprefix("node_"))  # an answer has a name of its own
        bases = [re.sub(r"_\d+$", "", name) for name in names]
        base = next((name for name in bases if name in calls), "")
        if base in calls and seen[base] < len(calls[base]):
            owner[one.output[0]] = calls[base][seen[base]]
            seen[base] += 1
    return _with_nodes(model, owner)


def _with_nodes(model: ModelProto, owner: dict[str, str | None]) -> dict[str, str | None]:
    """The same with values that only a layer's own operators read, and with names of nodes."""
    for node in reversed(model.graph.node):
        found = next((owner[one] for one in node.output if one in owner), None)
        for name in node.input:
            if found is not None:
                owner.setdefault(name, found)
    for node in model.graph.node:
        owner.setdefault(node.name, owner.get(node.output[0]))
    return owner
