"""An exported program as a flat graph of operators, its parameters and constants beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, fx
from torch.export import ExportedProgram
from torch.export.graph_signature import OutputKind, TensorArgument

from autosplit.capture.constants import LEARNED, Attributes, shared_in_part, views_of_others
from autosplit.capture.rewrites import functionalize
from autosplit.errors import ModelError
from autosplit.graph.layer import Shape


def flat_operators(exported: ExportedProgram) -> tuple[fx.Graph, Attributes]:
    """The operators of a program without in-place ones, and its parameters and constants.

    Args:
        exported: The program; it is left as it was.

    Returns:
        As ``unlift`` gives them.
    """
    operators, attributes = unlift(exported)
    if not functionalize(operators):
        operators, attributes = unlift(exported.run_decompositions(_retraced()))
    return operators, attributes


def _retraced() -> dict[Any, Callable[..., Any]]:
    """Rules of torch for taking apart the operators whose parts are counted each on its own."""
    known = torch.export.default_decompositions()
    return {call: rule for call, rule in known.items() if call.name() == "aten::einsum"}


def unlift(exported: ExportedProgram) -> tuple[fx.Graph, Attributes]:
    """The operators with parameters as ``get_attr`` and a flat tuple of outputs.

    A parameter's target is its name with slashes for dots; tied parameters get one target, and one
    whose memory lies in that of a larger one is a view of it.

    Raises:
        ModelError: Two parameters share a part of their memory.
    """
    signature = exported.graph_signature
    lifted = {
        **signature.inputs_to_parameters,
        **signature.inputs_to_buffers,
        **signature.inputs_to_lifted_tensor_constants,
    }
    stored = {**dict(exported.state_dict), **exported.constants}
    attributes: Attributes = {}
    same: dict[tuple[int, Shape, Shape, torch.dtype], str] = {}
    operators = fx.Graph()
    copied: dict[fx.Node, fx.Node] = {}
    parameters = {
        node: stored[lifted[node.name]].detach()
        for node in exported.graph.find_nodes(op="placeholder")
        if node.name in signature.inputs_to_parameters
    }
    whole = views_of_others(parameters)
    _check_memory(parameters, whole, lifted)
    for node in exported.graph.nodes:
        if node.op == "placeholder" and node.name in lifted:
            value = stored[lifted[node.name]].detach()
            key = (value.data_ptr(), tuple(value.shape), value.stride(), value.dtype)
            if node in whole:
                owner, offset = whole[node]
                base = operators.get_attr(lifted[owner.name].replace(".", "/"))
                base.meta = {**owner.meta, LEARNED: True}
                attributes[str(base.target)] = stored[lifted[owner.name]].detach()
                place = (base, value.shape, value.stride(), offset)
                copied[node] = operators.call_function(torch.ops.aten.as_strided.default, place)
                copied[node].meta = {**node.meta}
                continue
            target = same.setdefault(key, lifted[node.name].replace(".", "/"))
            attributes[target] = value
            copied[node] = operators.get_attr(target)
            learned = node.name in signature.inputs_to_parameters
            copied[node].meta = {**node.meta, LEARNED: learned}
        elif node.op == "output":
            answers = [
                arg
                for arg, spec in zip(node.args[0], signature.output_specs, strict=True)
                if spec.kind is OutputKind.USER_OUTPUT and isinstance(spec.arg, TensorArgument)
            ]
            operators.output(tuple(copied[arg] for arg in answers))
        else:
            copied[node] = operators.node_copy(node, lambda arg: copied[arg])
    return operators, attributes


def _check_memory(
    parameters: Mapping[fx.Node, Tensor], views: Mapping[fx.Node, object], names: Mapping[str, str]
) -> None:
    """Make sure that no parameter shares a part of its memory with another one.

    Raises:
        ModelError: Two do.
    """
    shared = shared_in_part(parameters, views)
    if shared is None:
        return
    first, second, count = shared
    raise ModelError(
        f"{names[first.name]}: parameters must not share a part of their memory, shares "
        f"{count:,} elements with {names[second.name]}; make one parameter of both and slice it in "
        "forward"
    )
