"""From a captured program and a plan to two programs: a quantized edge half and a float cloud half.

The tensor of a layer is what its last operator wrote.  Views of it are repeated on the side that
reads them, so that nothing but the crossing tensors goes from the edge half to the cloud half.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from operator import floordiv, mul
from typing import Any

import torch
from torch import Tensor, fx

from autosplit.capture.operators import base_of, holds_tensor
from autosplit.capture.program import Program
from autosplit.errors import PlanError
from autosplit.graph.graph import Cut

COPIED = "copied_from"
"""Key of a node's ``meta``: name of the program's node that it is a copy of."""
Insert = Callable[[fx.Graph, fx.Node, str], fx.Node]
"""Called with the new graph, a node and the name of the tensor that the node writes; returns the
node that readers of the tensor read instead, such as one that quantizes it."""


@dataclass(frozen=True)
class Half:
    """One side of a cut, ready to run.

    Attributes:
        operators: One placeholder for each of ``reads``; gives a tuple in the order of ``writes``.
        constants: Value of each ``get_attr`` target.
        reads: Tensors that the half takes: the network's inputs, or the crossing tensors.
        writes: Tensors that the half returns: crossing tensors by name, then the network's outputs
            that are computed on this side, as ``output:<place>``.
    """

    operators: fx.Graph
    constants: Mapping[str, Tensor]
    reads: tuple[str, ...]
    writes: tuple[str, ...]

    def __call__(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run this side.

        Args:
            tensors: Value of each of ``reads``, each (batch, ...); others are ignored.

        Returns:
            Value of each of ``writes``.
        """
        names = iter(self.reads)
        values: dict[fx.Node, Any] = {}
        with torch.no_grad():
            for node in self.operators.nodes:
                if node.op == "placeholder":
                    values[node] = tensors[next(names)]
                elif node.op == "get_attr":
                    values[node] = self.constants[str(node.target)].detach()
                elif node.op == "call_function":
                    args = fx.map_arg(node.args, values.__getitem__)
                    kwargs = fx.map_arg(node.kwargs, values.__getitem__)
                    values[node] = node.target(*args, **kwargs)
                else:
                    results = fx.map_arg(node.args[0], values.__getitem__)
                for done in self._last_reads.get(node, ()):
                    del values[done]
        return dict(zip(self.writes, results, strict=True))

    def with_used(self, constants: Mapping[str, Tensor]) -> Half:
        """The half without operators that nothing reads, and with the constants that are read.

        Args:
            constants: Value of each ``get_attr`` target, and of others.
        """
        self.operators.eliminate_dead_code()
        used = {str(node.target) for node in self.operators.find_nodes(op="get_attr")}
        kept = {name: value for name, value in constants.items() if name in used}
        return replace(self, constants=kept)

    @property
    def dtypes(self) -> tuple[torch.dtype, ...]:
        """Type of each of ``reads``."""
        placeholders = self.operators.find_nodes(op="placeholder")
        return tuple(node.meta["val"].dtype for node in placeholders)

    def module(self) -> fx.GraphModule:
        """The same as a module, for ``torch.export`` or for training.

        It takes the tensors of ``reads``, gives a tuple in the order of ``writes``, and shares the
        parameters of the program.
        """
        return fx.GraphModule(dict(self.constants), self.operators).eval()

    @cached_property
    def _last_reads(self) -> dict[fx.Node, list[fx.Node]]:
        """Node -> the nodes whose last reader it is; a value without readers is its own."""
        last = {node: node for node in self.operators.nodes}
        for node in self.operators.nodes:
            last.update(dict.fromkeys(node.all_input_nodes, node))
        done: dict[fx.Node, list[fx.Node]] = {}
        for node, reader in last.items():
            if node.op != "output":
                done.setdefault(reader, []).append(node)
        return done


def edge_part(
    program: Program, cut: Cut, insert: Insert | None = None, kept: Iterable[str] = ()
) -> Half:
    """The edge half of a program: from the network's inputs to what crosses, and its own answers.

    Args:
        program: The captured network.
        cut: Cut of the program's graph.
        insert: Called for every tensor on the edge side, to quantize it.
        kept: Tensors of the edge side that the half writes too, before all others.
    """
    places = _Places.of(program, cut)
    more = {tensor: places.written[tensor] for tensor in kept}
    inputs = {tensor: places.written[tensor] for tensor in cut.graph.inputs}
    writes = more | places.crossing | places.on_edge
    return _Copy(program, inputs, places.tensor_of, insert).half(writes)


def cloud_part(program: Program, cut: Cut, insert: Insert | None = None) -> Half:
    """The cloud half of a program: from what crosses to the other answers, in float.

    Args:
        program: The captured network.
        cut: Cut of the program's graph.
        insert: Called for every tensor on the cloud side and every one that crosses.
    """
    places = _Places.of(program, cut)
    return _Copy(program, places.crossing, places.tensor_of, insert).half(places.on_cloud)


@dataclass(frozen=True)
class _Places:
    """Which nodes of a program a cut needs on which side.

    Attributes:
        written: Tensor -> the node that writes it.
        tensor_of: Node -> the tensor that it writes.
        crossing: Tensor that crosses -> its node.
        on_edge, on_cloud: ``output:<place>`` -> the node of the output that this side computes.
    """

    written: dict[str, fx.Node]
    tensor_of: dict[fx.Node, str]
    crossing: dict[str, fx.Node]
    on_edge: dict[str, fx.Node]
    on_cloud: dict[str, fx.Node]

    @classmethod
    def of(cls, program: Program, cut: Cut) -> _Places:
        nodes = {node.name: node for node in program.module.graph.nodes}
        written = {tensor: nodes[name] for tensor, name in program.nodes.items()}
        tensor_of = {node: tensor for tensor, node in written.items()}
        (output,) = program.module.graph.find_nodes(op="output")
        edge_tensors = set(cut.edge_tensors)
        crossing = {tensor: written[tensor] for tensor in cut.crossing}
        found = cls(written, tensor_of, crossing, {}, {})
        for i, result in enumerate(output.args[0]):
            owner = tensor_of.get(base_of(result))
            if owner in edge_tensors and cut.edge:
                found.on_edge[f"output:{i}"] = result
            else:
                found.on_cloud[f"output:{i}"] = result
                if owner in edge_tensors:  # all-cloud, and an input is an answer
                    crossing[owner] = written[owner]
        return found


def join(edge: Mapping[str, Tensor], cloud: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """The network's outputs in their order, from what the two halves returned."""
    merged = {**edge, **cloud}
    count = sum(name.startswith("output:") for name in merged)
    return tuple(merged[f"output:{i}"] for i in range(count))


@dataclass
class _Copy:
    """Copies the part of a program that computes some tensors from others."""

    program: Program
    reads: Mapping[str, fx.Node]
    tensor_of: Mapping[fx.Node, str]
    insert: Insert | None = None

    def half(self, writes: Mapping[str, fx.Node]) -> Half:
        """The part that computes ``writes``, by what they are called, from ``reads``."""
        graph = fx.Graph()
        copied: dict[fx.Node, fx.Node] = {}
        constants: dict[str, Tensor] = {}
        for node in self.reads.values():
            copied[node] = graph.create_node("placeholder", f"t_{node.name}")
            copied[node].meta = {**node.meta}
        for name, node in self.reads.items():
            if self.insert is not None:
                copied[node] = self.insert(graph, copied[node], name)
        batch: fx.Node | None = None
        needed = _needed(writes.values(), set(copied))
        for node in self.program.module.graph.nodes:
            if node not in needed:
                continue
            if _grows(node):
                batch = batch or self._batch(graph, copied)
                copied[node] = graph.call_function(mul, (batch, node.meta["per_sample"]))
                continue
            if node.op == "get_attr":
                target = str(node.target)
                constants[target] = getattr(self.program.module, target)
            args = fx.map_arg(node.args, copied.__getitem__)
            kwargs = fx.map_arg(node.kwargs, copied.__getitem__)
            copied[node] = graph.create_node(node.op, node.target, args, kwargs)
            copied[node].meta = {**node.meta, COPIED: node.name}
            if self.insert is not None and node in self.tensor_of:
                copied[node] = self.insert(graph, copied[node], self.tensor_of[node])
        graph.output(tuple(copied[node] for node in writes.values()))
        return Half(graph, constants, tuple(self.reads), tuple(writes))

    def _batch(self, graph: fx.Graph, copied: Mapping[fx.Node, fx.Node]) -> fx.Node:
        """A node that computes the number of samples from a tensor that the half reads.

        Raises:
            PlanError: It reads no tensor that grows with the batch.
        """
        for name, node in self.reads.items():
            layout = self.program.layouts[name]
            if layout.axis is not None:
                size = graph.call_function(torch.ops.aten.sym_size.int, (copied[node], layout.axis))
                return graph.call_function(floordiv, (size, layout.factor))
        raise PlanError(
            f"{self.program.graph.name}: a half must read a tensor that grows with the batch"
        )


def _grows(node: fx.Node) -> bool:
    """Whether a node's value is a number that grows with the batch."""
    return "per_sample" in node.meta and not holds_tensor(node)


def _needed(targets: Iterable[fx.Node], known: set[fx.Node]) -> set[fx.Node]:
    """Nodes to compute for ``targets`` when the values of ``known`` are known."""
    needed: set[fx.Node] = set()
    todo = list(targets)
    while todo:
        node = todo.pop()
        if node not in needed and node not in known:
            needed.add(node)
            if not _grows(node):
                todo += node.all_input_nodes
    return needed
