"""The float network and the quantized one, run side by side, operator by operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, fx

from autosplit.capture.program import Program
from autosplit.errors import PlanError
from autosplit.grid.grid import ElementFormat, Grid
from autosplit.quantize.affine import fake_quantize

Values = dict[fx.Node, list[Any]]


@dataclass
class SideBySide:
    """Values of both networks, one for each batch; a value that nothing reads any more is dropped.

    Attributes:
        program: The captured network.
        activations: Format of each tensor in the quantized network.
        batches: The network's inputs.
        follow: Whether the quantized network is run too.
        exact: Operator -> its values in the float network.
        rough: Operator -> its values in the quantized network; empty unless it is followed.
        weights: Where a weight is stored -> its quantized values, for those that have any so far.
    """

    program: Program
    activations: Mapping[str, ElementFormat]
    batches: Sequence[tuple[Tensor, ...]]
    follow: bool
    exact: Values = field(default_factory=dict)
    rough: Values = field(default_factory=dict)
    weights: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._nodes = list(self.program.module.graph.nodes)
        self._inputs = iter(range(len(self._nodes)))
        self._tensor_of = {name: tensor for tensor, name in self.program.nodes.items()}
        self._last = {source: node for node in self._nodes for source in node.all_input_nodes}

    def operators(self) -> Iterator[fx.Node]:
        """Operators in order; the float network has run each, and its inputs are dropped after it.

        The caller runs the quantized network (``run_rough``) before it asks for the next one.
        """
        for node in self._nodes:
            if node.op == "output":
                return
            if node.op in ("placeholder", "get_attr"):
                self._read(node)
            else:
                self.exact[node] = self._apply(node, self.exact)
                yield node
            self._quantize(node)
            for source in node.all_input_nodes:
                if self._last[source] is node:
                    del self.exact[source]
                    self.rough.pop(source, None)

    def run_rough(self, node: fx.Node) -> None:
        """Run an operator of the quantized network, if that is followed."""
        if self.follow:
            self.rough[node] = self._apply(node, self.rough)

    def put_weight(self, node: fx.Node, value: Tensor) -> None:
        """Give the quantized network a weight, from here on."""
        self.weights[str(node.target)] = value
        if self.follow:
            self.rough[node] = [value] * len(self.batches)

    def _read(self, node: fx.Node) -> None:
        """Values of a network input, or of a constant."""
        if node.op == "placeholder":
            place = next(self._inputs)
            self.exact[node] = [batch[place] for batch in self.batches]
            rough = list(self.exact[node])
        else:
            value = self.program.constant(str(node.target))
            self.exact[node] = [value] * len(self.batches)
            rough = [self.weights.get(str(node.target), value)] * len(self.batches)
        if self.follow:
            self.rough[node] = rough

    def _quantize(self, node: fx.Node) -> None:
        """Quantize what an operator of the quantized network wrote, if it is a tensor of a plan."""
        grid = self.activations.get(self._tensor_of.get(node.name, ""))
        if self.follow and isinstance(grid, Grid):
            self.rough[node] = [fake_quantize(x, grid) for x in self.rough[node]]

    def _apply(self, node: fx.Node, values: Values) -> list[Any]:
        """An operator's value for each batch."""
        if node.op != "call_function":
            raise PlanError(f"{node.name}: must be an operator, is {node.op}")
        results = []
        for i in range(len(self.batches)):
            args = fx.map_arg(node.args, lambda arg: values[arg][i])  # noqa: B023
            kwargs = fx.map_arg(node.kwargs, lambda arg: values[arg][i])  # noqa: B023
            results.append(node.target(*args, **kwargs))  # type: ignore[operator]
        return results
