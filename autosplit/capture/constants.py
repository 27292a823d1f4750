"""Values that no input changes: computed once, and kept as attributes of the program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx

from autosplit.capture.operators import CREATORS, holds_tensor, is_call, tensor_arguments

Attributes = dict[str, Tensor]
"""Constants and parameters of a program: ``get_attr`` target -> value."""


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
            fixed.meta = {**node.meta}
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


def fold_values(values: list[Tensor | None], eps: float, axis: int) -> tuple[Tensor, Tensor]:
    """Weight and bias with a batch norm folded in, computed in float64.

    Args:
        values: weight, bias, running mean, running variance, gamma, beta; bias, gamma and beta
            may be None.
        eps: The norm's epsilon.
        axis: Axis of the weight's output channels.  The weight of a grouped transposed
            convolution has there the channels of one group; the groups follow on axis 0.
    """
    kind = values[0].dtype if values[0] is not None else None
    weight, bias, mean, variance, gamma, beta = (
        None if value is None else value.double() for value in values
    )
    assert weight is not None
    assert mean is not None
    assert variance is not None
    factor = (variance + eps).rsqrt()
    if gamma is not None:
        factor = factor * gamma
    shift = (-mean if bias is None else bias - mean) * factor
    if beta is not None:
        shift = shift + beta
    groups = len(factor) // weight.shape[axis]
    per_group = weight.unflatten(0, (groups, -1))
    shape = [1] * per_group.dim()
    shape[0], shape[axis + 1] = groups, -1
    weight = (per_group * factor.reshape(shape)).flatten(0, 1)
    return weight.to(kind), shift.to(kind)
