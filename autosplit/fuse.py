"""Rewrite an exported program until each operator is a layer, joins one, or only moves elements.

Each rewrite is one small function that changes the program in place; ``REWRITES`` at the foot
gives their order.  Which operators an activation joins is said by ``producer_of``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import getitem
from typing import Any

import torch
from torch import Tensor, fx

from autosplit.errors import CaptureError
from autosplit.operators import (
    BATCH_NORMS,
    CHECKS,
    CREATORS,
    DROPOUTS,
    FOLDABLE,
    IDENTITIES,
    RETRACED,
    arguments,
    holds_tensor,
    is_activation,
    is_call,
    is_movement,
    operator_name,
    output_axis,
    source_line,
    tensor_arguments,
)

Attributes = dict[str, Tensor]
"""Constants and parameters of a program: ``get_attr`` target -> value."""


def functionalize(graph: fx.Graph) -> bool:
    """Turn in-place operators into ordinary ones, where that needs no knowledge of aliases.

    ``y = relu_(x)`` becomes ``y = relu(x)``, and later readers of x read y.  That is right where
    nothing else shares x's memory: x is no view, and no view of x was made before.

    Returns:
        Whether it was right everywhere; if not, the program is left half done, and torch has to
        trace it again, which takes as long as the first time.
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
            node.op == "call_function" and operator_name(node) in CHECKS
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
            target = _add_attribute(attributes, f"_constant_{node.name}", value)
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


def mark_batch_norms(graph: fx.Graph, attributes: Attributes) -> None:
    """Note in ``meta`` the deviation that the output of a batch norm has on training data.

    Per channel that is |gamma| sqrt(v / (v + eps)).  Statistics of mean 0 and variance 1 throughout
    were never trained.
    """
    for node in graph.nodes:
        if not is_call(node, *BATCH_NORMS):
            continue
        norm = arguments(node)
        parameters = [norm[name] for name in ("running_mean", "running_var", "weight")]
        if any(p is not None and p.op != "get_attr" for p in parameters):
            continue
        mean, variance, gamma = (
            None if p is None else attributes[str(p.target)] for p in parameters
        )
        if mean is None or variance is None or ((mean == 0) & (variance == 1)).all():
            continue
        deviation = (variance / (variance + norm["eps"])).sqrt()
        node.meta["deviation"] = deviation if gamma is None else deviation * gamma.abs()


def fold_batch_norm(graph: fx.Graph, attributes: Attributes) -> None:
    """Fold a batch norm into the convolution or linear layer it alone reads.

    W' = W * g / sqrt(v + eps) per output channel and b' = (b - m) * g / sqrt(v + eps) + beta
    (Jacob et al. 2018, section 3.2).  A norm that cannot be folded stays a layer of its own.
    A weight that several convolutions share is folded once per distinct norm.
    """
    made: dict[tuple[str, ...], tuple[str, str]] = {}
    for node in list(graph.nodes):
        parameters = _foldable(node)
        if parameters is None:
            continue
        producer, eps = node.args[0], arguments(node)["eps"]
        key = (*(str(p and p.target) for p in parameters), str(eps))
        if key not in made:
            values = [None if p is None else attributes[str(p.target)] for p in parameters]
            weight, bias = fold_values(values, eps, output_axis(producer))
            stem = key[0].removesuffix("weight")
            made[key] = (
                _add_attribute(attributes, f"{stem}weight_folded", weight),
                _add_attribute(attributes, f"{stem}bias_folded", bias),
            )
        with graph.inserting_before(producer):
            new = [graph.get_attr(target) for target in made[key]]
        for constant, target in zip(new, made[key], strict=True):
            constant.meta = {**producer.meta, "val": attributes[target]}
        producer.kwargs = {**arguments(producer), "weight": new[0], "bias": new[1]}
        producer.args = ()
        if "deviation" in node.meta:
            producer.meta["deviation"] = node.meta["deviation"]
        for use in [user for user in node.users if user.target is getitem] or [node]:
            use.replace_all_uses_with(producer)
            graph.erase_node(use)
    graph.eliminate_dead_code()


def _foldable(node: fx.Node) -> list[fx.Node | None] | None:
    """Weight, bias, mean, variance, gamma and beta if this batch norm can be folded, else None."""
    if not is_call(node, *BATCH_NORMS):
        return None
    producer, norm = node.args[0], arguments(node)
    if not isinstance(producer, fx.Node) or not is_call(producer, *FOLDABLE):
        return None
    if len(producer.users) != 1 or norm.get("training") is True:  # without running statistics
        return None
    if is_call(producer, "linear") and producer.meta["val"].dim() != 2:
        return None  # the norm's channels are axis 1, the linear layer's the last
    call = arguments(producer)
    parameters = [call["weight"], call["bias"]]
    parameters += [norm[name] for name in ("running_mean", "running_var", "weight", "bias")]
    constant = all(p is None or p.op == "get_attr" for p in parameters)
    return parameters if constant else None


def _add_attribute(attributes: Attributes, name: str, value: Tensor) -> str:
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
    """The node that an activation joins, if a layer ends there: the one tensor that it reads.

    Nothing is absorbed where that tensor has another reader.
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
"""In the order they are applied."""
