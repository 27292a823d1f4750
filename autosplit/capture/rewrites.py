"""Rewrite an exported program until each operator is a layer, joins one, or only moves elements.

Each rewrite is one small function that changes the program in place; ``REWRITES`` at the foot
gives their order.  Which operators an activation joins is said by ``producer_of``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, fx

from autosplit.capture.batchnorm import fold_batch_norm, mark_batch_norms
from autosplit.capture.constants import Attributes, fold_constants, fold_filled
from autosplit.capture.masks import mark_masks
from autosplit.capture.operators import (
    ASSERTION_OPERATORS,
    DROPOUTS,
    IDENTITIES,
    PRODUCTS,
    RETRACED,
    arguments,
    is_activation,
    is_call,
    is_movement,
    operator_name,
    tensor_arguments,
)
from autosplit.capture.recurrent import split_recurrent
from autosplit.capture.refusals import refuse_unknown_calls


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


def allow_any_strides(graph: fx.Graph, _: Attributes) -> None:
    """Turn ``view`` into ``reshape``: the strides it needs are those of the kernels of one machine.

    torch.export writes ``view`` where a network's own ``reshape`` copies nothing in its run.
    """
    for node in graph.nodes:
        if node.target is torch.ops.aten.view.default:
            node.target = torch.ops.aten.reshape.default


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


def name_types(graph: fx.Graph, _: Attributes) -> None:
    """Name the type of each cast: ``type_as`` reads no element of its second tensor."""
    for node in list(graph.nodes):
        if is_call(node, "type_as"):
            node.target = torch.ops.aten.to.dtype
            node.args, node.kwargs = (node.args[0], node.meta["val"].dtype), {}


def name_linear_layers(graph: fx.Graph, _: Attributes) -> None:
    """Products by the transpose of a parameter are linear layers, which read it as it is stored."""
    for node in list(graph.nodes):
        if not is_call(node, *PRODUCTS):
            continue
        turned = node.args[PRODUCTS[operator_name(node)]]
        bias, x = (node.args[0], node.args[1]) if is_call(node, "addmm") else (None, node.args[0])
        if node.kwargs or not _is_transpose(turned) or (bias is not None and _dims(bias) != 1):
            continue
        node.target = torch.ops.aten.linear.default
        node.args = (x, turned.args[0]) if bias is None else (x, turned.args[0], bias)
    graph.eliminate_dead_code()


def _is_transpose(node: object) -> bool:
    """Whether a node is the transpose of a stored matrix."""
    if not isinstance(node, fx.Node) or not is_call(node, "t", "transpose", "permute", "numpy_T"):
        return False
    (source,) = node.all_input_nodes
    if source.op != "get_attr" or _dims(source) != 2:
        return False
    axes = node.args[1] if is_call(node, "permute") else node.args[1:]
    places = [axis % 2 for axis in axes]  # type: ignore[operator, union-attr]
    return places == [1, 0] or (places in ([], [0, 1]) and not is_call(node, "permute"))


def _dims(node: object) -> int:
    value = node.meta.get("val") if isinstance(node, fx.Node) else None
    return value.dim() if isinstance(value, Tensor) else -1


def keep_batch_axis(graph: fx.Graph, _: Attributes) -> None:
    """Name the axes that ``squeeze`` removes: those that were of length 1, and never the batch.

    Without a dimension, or at one that was not of length 1, ``squeeze`` would remove the batch axis
    of one sample too.
    """
    for node in list(graph.nodes):
        if not is_call(node, "squeeze"):
            continue
        source, call = node.args[0], arguments(node)
        shape = source.meta["val"].shape
        asked = call.get("dim", range(len(shape)))
        axes = {axis % len(shape) for axis in ([asked] if isinstance(asked, int) else asked)}
        axes = {axis for axis in axes if isinstance(shape[axis], int) and shape[axis] == 1}
        if axes:
            node.target = torch.ops.aten.squeeze.dims
            node.args, node.kwargs = (source, sorted(axes)), {}
        else:
            node.replace_all_uses_with(source)
            graph.erase_node(node)


def copy_complex(graph: fx.Graph, _: Attributes) -> None:
    """Compute complex numbers once for each of their readers, each of which they join."""
    for node in reversed(list(graph.nodes)):
        value = node.meta.get("val")
        if node.op != "call_function" or not isinstance(value, Tensor) or not value.is_complex():
            continue
        for user in list(node.users)[1:]:
            with graph.inserting_before(node):
                copied = graph.node_copy(node, lambda arg: arg)
            user.replace_input_with(node, copied)


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
    name_types,
    keep_batch_axis,
    name_linear_layers,
    fold_constants,
    fold_filled,
    mark_batch_norms,
    fold_batch_norm,
    split_recurrent,
    copy_complex,
    mark_masks,
    allow_any_strides,
)
"""The rewrites in the order in which they are applied."""
