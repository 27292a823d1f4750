"""Rewrite an exported program until each operator is a layer, joins one, or only moves elements.

Each rewrite is one small function that changes the program in place; ``REWRITES`` at the foot
gives their order.  Which operators an activation joins is said by ``producer_of``.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import getitem

import torch
from torch import Tensor, fx

from autosplit.capture.batchnorm import fold_batch_norm, mark_batch_norms
from autosplit.capture.constants import Attributes, fold_constants
from autosplit.capture.operators import (
    ASSERTION_OPERATORS,
    DROPOUTS,
    IDENTITIES,
    RETRACED,
    arguments,
    is_activation,
    is_call,
    is_movement,
    operator_name,
    source_line,
    tensor_arguments,
)
from autosplit.errors import CaptureError


def functionalize(graph: fx.Graph) -> bool:
    """Turn in-place operators into ordinary ones, where that needs no knowledge of aliases.

    ``y = relu_(x)`` becomes ``y = relu(x)``, and later readers of x read y.  This is right where
    nothing else shares the memory of x: x is no view, and no view of x was made before.

    Returns:
        True if every in-place operator could be replaced.  False leaves the program half rewritten:
        torch must then trace it again, which takes as long as the first time.
    """
    order = {node: i for i, node in enumerate(graph.nodes)}
    if any(is_call(node, *RETRACED) for node in order):
        return False
    for node in list(graph.nodes):
        schema = getattr(node.target, "_schema", None)
        if node.op != "call_function" or schema is None or not schema.is_mutable:
            continue
        if operator_name(node) == "dropout_":  # writes nothing out of training, else refused
            node.target = torch.ops.aten.dropout.default
            continue
        written, ordinary = node.args[0] if node.args else None, _ordinary(node)
        if ordinary is None or not isinstance(written, fx.Node):
            return False
        earlier = [user for user in written.users if order[user] < order[node]]
        if any(is_movement(other) for other in [written, *earlier]):
            return False
        node.target = ordinary
        written.replace_all_uses_with(node, lambda user: order[user] > order[node])  # noqa: B023
    return True


def _ordinary(node: fx.Node) -> Callable[..., Tensor] | None:
    """The operator that computes what an in-place one does, if it gives the same type and shape."""
    kinds = {getattr(x.meta.get("val"), "dtype", None) for x in (node, *tensor_arguments(node))}
    same = len(kinds) == 1
    written = [a for a in node.target._schema.arguments if a.alias_info and a.alias_info.is_write]  # type: ignore[union-attr]  # noqa: SLF001
    name = operator_name(node).removesuffix("_")
    packet = getattr(torch.ops.aten, name, None) if same and len(written) == 1 else None
    overload: Callable[..., Tensor] | None = getattr(
        packet, getattr(node.target, "_overloadname", ""), None
    )
    return overload


def drop_checks(graph: fx.Graph, _: Attributes) -> None:
    """Drop shape guards and assertions that torch.export adds; they compute nothing."""
    for node in reversed(graph.nodes):
        called = node.op == "call_module" or (
            node.op == "call_function" and operator_name(node) in ASSERTION_OPERATORS
        )
        if called and not node.users:
            graph.erase_node(node)


def refuse_unknown_calls(graph: fx.Graph, _: Attributes) -> None:
    """Refuse control flow, dropout in training, and numbers that are read out of a tensor.

    Raises:
        CaptureError: Names the operator and the line it comes from.
    """
    for node in graph.nodes:
        if node.op not in ("call_function", "call_module"):
            continue
        name, where = operator_name(node), source_line(node)
        if node.op == "call_module" or isinstance(node.target, torch._ops.HigherOrderOperator):  # noqa: SLF001
            raise CaptureError(
                f"{name}{where}: a network must be plain operators, no control flow or contexts"
            )
        if name in ("item", "_local_scalar_dense"):
            raise CaptureError(f"{name}{where}: a number must not be read out of a tensor")
        if name in DROPOUTS and arguments(node)["train"] is not False:
            raise CaptureError(f"{name}{where}: must be exported in eval mode, it is in training")


def drop_identities(graph: fx.Graph, _: Attributes) -> None:
    """Drop dropout out of training, aliases and detached copies: they change no element."""
    for node in list(graph.nodes):
        same = is_call(node, "type_as") and node.args[0].meta["val"].dtype == node.meta["val"].dtype
        if not (same or is_call(node, *IDENTITIES, *DROPOUTS)):
            continue
        users = list(node.users) if operator_name(node) == "native_dropout" else [node]
        for user in users:  # of native_dropout, the output and not the mask
            user.replace_all_uses_with(node.args[0])
            graph.erase_node(user)
        if node not in users:
            graph.erase_node(node)


def take_first_output(graph: fx.Graph, _: Attributes) -> None:
    """Let an operator with several outputs of which only the first is read stand for that one.

    Raises:
        CaptureError: Another output is read; names the operator and the line it comes from.
    """
    for node in graph.nodes:
        if node.op != "call_function" or not isinstance(node.meta.get("val"), list | tuple):
            continue
        read = {user.args[1] for user in node.users if user.target is getitem}
        if not is_movement(node) and read != {0}:
            raise CaptureError(
                f"{operator_name(node)}{source_line(node)}: a layer must have one output tensor, "
                f"outputs {', '.join(map(str, sorted(read)))} of this operator are read"
            )


def producer_of(node: fx.Node) -> fx.Node | None:
    """The node whose layer an activation joins: the one that wrote the tensor it reads.

    None for a node that is no activation, and where that tensor has another reader.
    """
    sources = [arg for arg in tensor_arguments(node) if arg.op != "get_attr"]
    alone = len(sources) == 1 and len(sources[0].users) == 1
    return sources[0] if alone and is_activation(node) else None


Rewrite = Callable[[fx.Graph, Attributes], None]

REWRITES: tuple[Rewrite, ...] = (
    drop_checks,
    refuse_unknown_calls,
    drop_identities,
    fold_constants,
    mark_batch_norms,
    fold_batch_norm,
    take_first_output,
)
"""The rewrites in the order in which they are applied."""
