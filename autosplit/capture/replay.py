"""Run a captured program once, keeping every value, and then again from any of them on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, fx

from autosplit.capture.operators import base_of, is_movement, weight_argument
from autosplit.capture.program import Program


@dataclass(frozen=True)
class Wiring:
    """Which nodes of a program write its tensors and read its weights, and what follows a node."""

    program: Program

    @cached_property
    def nodes(self) -> dict[str, fx.Node]:
        """Name -> node."""
        return {node.name: node for node in self.program.module.graph.nodes}

    @cached_property
    def written(self) -> dict[fx.Node, str]:
        """Node -> the tensor that it writes."""
        return {self.nodes[node]: tensor for tensor, node in self.program.nodes.items()}

    @cached_property
    def readers(self) -> dict[str, list[tuple[str, list[fx.Node]]]]:
        """Layer that stores a weight -> layers that multiply by it, each with its operators."""
        owners = {ref.target: layer for layer, ref in self.program.weights.items()}
        found: dict[str, list[tuple[str, list[fx.Node]]]] = defaultdict(list)
        for node in self.program.module.graph.nodes:
            weight = weight_argument(node) if node.op == "call_function" else None
            if weight is not None and str(weight.target) in owners:
                chain = [node]
                while chain[-1] not in self.written:  # an activation has one reader
                    chain.append(next(iter(chain[-1].users)))
                found[owners[str(weight.target)]].append((self.written[chain[-1]], chain))
        return found

    def sources(self, layer: str) -> list[fx.Node]:
        """Nodes whose value is the weight that a layer stores."""
        target = self.program.weights[layer].target
        return [n for n in self.nodes.values() if n.op == "get_attr" and str(n.target) == target]

    def views(self, root: fx.Node) -> list[fx.Node]:
        """Views through which a layer reads its weight, as a recurrent one does; mostly none."""
        weight = weight_argument(root)
        if weight is None or weight in root.all_input_nodes:
            return []
        return [arg for arg in root.all_input_nodes if is_movement(arg) and base_of(arg) is weight]

    def is_one_tensor(self, root: fx.Node) -> bool:
        """Whether an operator reads its weight whole and writes one tensor."""
        return isinstance(root.meta.get("val"), Tensor) and not self.views(root)

    def after(self, starts: Sequence[fx.Node]) -> list[fx.Node]:
        """Nodes whose value depends on one of some nodes, in order, without those."""
        reached = set(starts)
        following = []
        for node in self.nodes.values():
            if node not in reached and any(arg in reached for arg in node.all_input_nodes):
                reached.add(node)
                following.append(node)
        return following


class ReplayedRun(fx.Interpreter):
    """One run that keeps every value, with gradients if asked for."""

    def __init__(self, wiring: Wiring, inputs: Sequence[Tensor], leaves: Sequence[str]) -> None:
        """Run.

        Args:
            wiring: The program.
            inputs: The network's inputs.
            leaves: Nodes that gradients begin at, beside the first that take any; none of either
                when empty.
        """
        super().__init__(wiring.program.module, garbage_collect_values=False)
        self._leaves = frozenset(leaves)
        with torch.set_grad_enabled(bool(leaves)):
            self.outputs: tuple[Tensor, ...] = self.run(*inputs)

    def run_node(self, n: fx.Node) -> Any:
        """Value of a node, cut off from what came before where gradients begin."""
        value = super().run_node(n)
        if n.op == "get_attr":
            value = value.detach()  # of a trainable program, gradients begin where they are asked
        if n.name in self._leaves and value.is_floating_point() and not value.requires_grad:
            return value.detach().requires_grad_()
        return value

    def values(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Those of some nodes that have gradients, by name."""
        found = {node.name: value for node, value in self.env.items() if node.name in set(names)}
        return {name: value for name, value in found.items() if value.requires_grad}

    def replay(self, overrides: Mapping[fx.Node, Tensor], nodes: Sequence[fx.Node]) -> Any:
        """Value of the last of some nodes when others have other values.

        Args:
            overrides: Node -> its value.
            nodes: To compute again, in order; without any, the value is the first override.
        """
        values: dict[fx.Node, Any] = {**overrides}

        def value_of(node: fx.Node) -> Any:
            return values[node] if node in values else self.env[node]

        for node in nodes:
            args, kwargs = fx.map_arg((node.args, node.kwargs), value_of)
            if node.op == "output":
                return args[0]
            values[node] = node.target(*args, **kwargs)  # type: ignore[operator]
        return values[nodes[-1]] if nodes else next(iter(overrides.values()))
