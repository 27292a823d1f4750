"""The layer that an operator of a half belongs to, and that of one that ONNX does not take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import SequenceMatcher
from typing import Any

import torch
from torch import Tensor, fx

from autosplit.capture.program import Program
from autosplit.deploy.onnx_export import AnyInputs, UnknownOperatorError, export_onnx
from autosplit.errors import ModelError
from autosplit.halves.partition import COPIED, Half

_SAMPLES = 2


def layer_of(program: Program, half: Half, operator: str) -> str | None:
    """The layer whose tensor an operator computes.

    Args:
        program: The captured network.
        half: One side of it.
        operator: Name of a node of the half.

    Returns:
        The first layer that is computed from the operator; None where the half has no such node,
        or no layer is computed from it.
    """
    copies = {node.name: node.meta.get(COPIED) for node in half.operators.nodes}
    nodes = {node.name: node for node in program.module.graph.nodes}
    tensors = {node: tensor for tensor, node in program.nodes.items()}
    found = nodes.get(copies.get(operator) or "")
    while found is not None and found.name not in tensors:
        found = next(iter(found.users), None)
    return None if found is None else tensors[found.name]


@contextmanager
def naming_layers(program: Program, half: Half) -> Iterator[None]:
    """Name the layer of an operator of a half that ONNX does not take.

    The exporter takes operators apart before it looks for their forms, so that what it names is
    perhaps no operator of the half.  Each kind of operator is therefore exported alone, those with
    the most alike names first, until one fails in the same way.

    Raises:
        UnknownOperatorError: With the layer's name.
    """
    try:
        yield
    except UnknownOperatorError as error:
        wanted = error.operator
        kinds: dict[Any, fx.Node] = {}
        for node in half.operators.nodes:
            if node.op == "call_function" and COPIED in node.meta:
                kinds.setdefault(node.target, node)
        nodes = sorted(
            kinds.values(), key=lambda n: -SequenceMatcher(None, str(n.target), wanted).ratio()
        )
        for node in nodes:
            if _unknown_alone(half, node) == wanted:
                layer = layer_of(program, half, node.name)
                raise UnknownOperatorError(layer or "the network", str(node.target)) from error
        raise


def _unknown_alone(half: Half, node: fx.Node) -> str | None:
    """The operator that ONNX does not take of a node alone; None if it takes all."""
    graph = fx.Graph()
    copied: dict[fx.Node, fx.Node] = {}
    example = []
    for one in node.all_input_nodes:
        value = half.constants.get(str(one.target), one.meta.get("val"))
        if isinstance(value, Tensor):
            copied[one] = graph.create_node("placeholder", one.name)
            sides = [side if isinstance(side, int) else _SAMPLES for side in value.shape]
            example.append(torch.zeros(sides, dtype=value.dtype))
    try:
        made = graph.node_copy(node, copied.__getitem__)
        graph.output((made,))
        alone = AnyInputs(fx.GraphModule({}, graph))
        names = [f"in{place}" for place in range(len(example))]
        export_onnx(alone, example, [None] * len(example), names, ["out"])
    except UnknownOperatorError as error:
        return error.operator
    except (KeyError, ModelError, RuntimeError):  # it needs what is not a tensor
        return None
    return None
