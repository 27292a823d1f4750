"""Constant folding: what depends on parameters and constants alone is computed once and kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, fx

from autosplit.capture.operators import CREATORS, holds_tensor, is_call, tensor_arguments

Attributes = dict[str, Tensor]
"""Constants and parameters of a program: ``get_attr`` target -> value."""
LEARNED = "learned"
"""Key in the ``meta`` of a ``get_attr`` node: whether its value is a parameter, or made of some."""


def is_learned(nodes: Iterable[fx.Node | None]) -> bool:
    """Whether one of some ``get_attr`` nodes is a parameter, or made of some."""
    return any(node is not None and bool(node.meta.get(LEARNED)) for node in nodes)


def fold_constants(graph: fx.Graph, attributes: Attributes) -> None:
    """Compute once what depends on parameters and constants alone, such as an attention mask."""
    constant: dict[fx.Node, Any] = {}
    for node in list(graph.nodes):
        if node.op == "get_attr":
            constant[node] = attributes[str(node.target)]
        if node.op != "call_function" or not holds_tensor(node):
            continue
        creator = is_call(node, *CREATORS)
        inputs = tensor_arguments(node)
        sizes = set(node.all_input_nodes) - set(inputs)
        if sizes or not (creator or (inputs and all(arg in constant for arg in inputs))):
            continue
        constant[node] = value = _compute(node, constant)
        if isinstance(value, Tensor):
            target = add_attribute(attributes, f"_constant_{node.name}", value)
            with graph.inserting_before(node):
                fixed = graph.get_attr(target)
            fixed.meta = {**node.meta, LEARNED: is_learned(inputs)}
            node.replace_all_uses_with(fixed)
            constant[fixed] = value
    graph.eliminate_dead_code()


def _compute(node: fx.Node, constant: Mapping[fx.Node, Any]) -> Any:
    """Value of a node whose inputs are constants; a creator only borrows dtype from its input."""

    def value(arg: fx.Node) -> Any:
        return constant[arg] if arg in constant else torch.empty(0, dtype=arg.meta["val"].dtype)

    args, kwargs = fx.map_arg((node.args, node.kwargs), value)
    return node.target(*args, **kwargs)  # type: ignore[operator]


def add_attribute(attributes: Attributes, name: str, value: Tensor) -> str:
    """Add a constant under a name that is free, and return that name."""
    target = name.replace(".", "_")
    while target in attributes:
        target += "_"
    attributes[target] = value
    return target
