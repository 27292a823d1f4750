"""From a captured program and a plan to two programs: a quantized edge half and a float cloud half.

The tensor of a layer is what its last operator wrote; views of it are repeated on whichever side
reads them, so the halves exchange nothing but the crossing tensors (and the edge's own answers).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import floordiv, mul
from typing import Any

import torch
from torch import Tensor, fx

from autosplit import fuse
from autosplit.capture import Program
from autosplit.errors import PlanError
from autosplit.graph import Cut

Insert = Callable[[fx.Graph, fx.Node, str], fx.Node]
"""Given the new graph, a node and the tensor it writes, the node that readers should read."""


@dataclass(frozen=True)
class Half:
    """One side of a cut, ready to run.

    Attributes:
        module: Takes ``reads`` in order, returns a tuple in the order of ``writes``.
        reads: Tensors that it needs: the network's inputs, or the crossing tensors.
        writes: What it returns: crossing tensors by name, then the network's outputs that are
            computed on this side, as ``output:<place>``.
    """

    module: fx.GraphModule
    reads: tuple[str, ...]
    writes: tuple[str, ...]

    def __call__(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run this side.

        Args:
            tensors: Value of each of ``reads``, each (batch, ...); others are ignored.

        Returns:
            Value of each of ``writes``.
        """
        with torch.no_grad():
            values = self.module(*(tensors[name] for name in self.reads))
        return dict(zip(self.writes, values, strict=True))


def split(
    program: Program,
    cut: Cut,
    weights: Mapping[str, Tensor] | None = None,
    insert: Insert | None = None,
) -> tuple[Half, Half]:
    """Split a program at a cut into an edge half and a cloud half.

    Args:
        program: The captured network.
        cut: Of the program's graph.
        weights: Layer -> weight that the edge half uses in place of the float one.
        insert: Called for every tensor on the edge side, to quantize it.

    Returns:
        The edge half, and the cloud half, which is always in float.
    """
    node = _written(program)
    tensor_of = {value: name for name, value in node.items()}
    (results,) = next(n for n in reversed(program.module.graph.nodes) if n.op == "output").args
    edge_tensors = set(cut.edge_tensors)
    on_edge: dict[str, fx.Node] = {}
    on_cloud: dict[str, fx.Node] = {}
    for i, result in enumerate(results):
        owner = tensor_of.get(fuse.base_of(result))
        side = on_edge if owner in edge_tensors and cut.edge else on_cloud
        side[f"output:{i}"] = result
    crossing = {name: node[name] for name in cut.crossing}
    carried = {
        tensor_of[base]: base
        for base in map(fuse.base_of, on_cloud.values())
        if tensor_of.get(base) in edge_tensors
    }
    crossing |= carried
    inputs = {name: node[name] for name in cut.graph.inputs}
    edge = _half(program, inputs, {**crossing, **on_edge}, weights or {}, insert)
    cloud = _half(program, crossing, on_cloud, {}, None)
    return edge, cloud


def join(edge: Mapping[str, Tensor], cloud: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """The network's outputs in their order, from what the two halves returned."""
    merged = {**edge, **cloud}
    count = sum(name.startswith("output:") for name in merged)
    return tuple(merged[f"output:{i}"] for i in range(count))


def _written(program: Program) -> dict[str, fx.Node]:
    """Tensor -> the node that writes it."""
    nodes = {node.name: node for node in program.module.graph.nodes}
    return {tensor: nodes[name] for tensor, name in program.nodes.items()}


def _needed(targets: Iterable[fx.Node], given: set[fx.Node]) -> set[fx.Node]:
    """Nodes that have to be computed for ``targets`` when ``given`` are there already."""
    needed: set[fx.Node] = set()
    todo = list(targets)
    while todo:
        node = todo.pop()
        if node in needed or node in given:
            continue
        needed.add(node)
        if "per_sample" not in node.meta:
            todo += node.all_input_nodes
    return needed


def _batch(
    program: Program,
    graph: fx.Graph,
    reads: Mapping[str, fx.Node],
    copied: Mapping[fx.Node, fx.Node],
) -> fx.Node | None:
    """A node that computes the number of samples from a tensor that a half reads."""
    for name, node in reads.items():
        layout = program.layouts[name]
        if layout.axis is not None:
            size = graph.call_function(torch.ops.aten.sym_size.int, (copied[node], layout.axis))
            return graph.call_function(floordiv, (size, layout.factor))
    return None


def _half(
    program: Program,
    reads: Mapping[str, fx.Node],
    writes: Mapping[str, fx.Node],
    weights: Mapping[str, Tensor],
    insert: Insert | None,
) -> Half:
    """The part of a program that computes ``writes`` from ``reads``."""
    needed = _needed(writes.values(), set(reads.values()))
    tensor_of = {node: name for name, node in _written(program).items()}
    replaced = {program.weights[layer].target: value for layer, value in weights.items()}
    graph = fx.Graph()
    copied: dict[fx.Node, fx.Node] = {}
    attributes: dict[str, Any] = {}
    for name, node in reads.items():
        copied[node] = graph.placeholder(
            node.name if node.op == "placeholder" else f"t_{node.name}"
        )
        copied[node].meta = {"tensor": name}
    if insert is not None:
        for name, node in reads.items():
            copied[node] = insert(graph, copied[node], name)
    batch = _batch(program, graph, reads, copied) if reads else None
    for node in program.module.graph.nodes:
        if node not in needed or node in copied:
            continue
        if "per_sample" in node.meta and not fuse.holds_tensor(node):
            if batch is None:
                raise PlanError(f"{program.graph.name}: a half that reads nothing has no batch")
            size = node.meta["per_sample"]
            copied[node] = batch if size == 1 else graph.call_function(mul, (batch, size))
            continue
        if node.op == "get_attr":
            target = str(node.target)
            attributes[target] = replaced.get(target, getattr(program.module, target))
        copied[node] = graph.node_copy(node, lambda arg: copied[arg])
        if insert is not None and node in tensor_of:
            copied[node] = insert(graph, copied[node], tensor_of[node])
    graph.output(tuple(copied[node] for node in writes.values()))
    graph.eliminate_dead_code()
    return Half(fx.GraphModule(attributes, graph), tuple(reads), tuple(writes))
