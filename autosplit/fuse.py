"""Which operators make one layer: what each ATen operator is, and the rules that fuse them.

Existing tools match module types, so a functional ``relu`` or a shared module escapes them.  Here
the exported program's operators are sorted into a few classes by the tables at the foot of this
file, and a handful of graph rewrites, one small function each, fold or drop what is not a layer.
An operator that no table knows becomes a layer whose kind is its own ATen name.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import getitem
from typing import Any

import torch
from torch import Tensor, fx

from autosplit.errors import CaptureError

Attributes = dict[str, Tensor]
"""Constants and parameters of a program: ``get_attr`` target -> value."""


def operator_name(node: fx.Node) -> str:
    """Name of the operator a node calls: ``conv2d`` for ATen, ``namespace.name`` for others."""
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return getattr(node.target, "__name__", str(node.target))
    name: str = schema.name.replace("::", ".").removeprefix("aten.")
    return name.removesuffix("_") if name[0] != "_" else name


def kind_of(node: fx.Node) -> str:
    """Kind of the layer whose root is this node; an unknown operator's kind is its own name."""
    name = operator_name(node)
    return KINDS.get(name, f"aten.{name}" if "." not in name else name)


def arguments(node: fx.Node) -> dict[str, Any]:
    """Arguments of an operator by the names of its schema, defaults filled in."""
    values = {}
    for i, argument in enumerate(node.target._schema.arguments):  # type: ignore[union-attr]  # noqa: SLF001
        default = argument.default_value if argument.has_default_value() else None
        values[argument.name] = node.args[i] if i < len(node.args) else default
    return {**values, **node.kwargs}


def is_call(node: Any, *names: str) -> bool:
    """Whether ``node`` calls one of these operators."""
    return isinstance(node, fx.Node) and node.op == "call_function" and operator_name(node) in names


def holds_tensor(node: fx.Node) -> bool:
    """Whether a node's value is a tensor (or a list of them), and not a size or a number."""
    value = node.meta.get("val")
    return isinstance(value, Tensor | list | tuple)


def tensor_arguments(node: fx.Node) -> list[fx.Node]:
    """Nodes with tensor values that a node reads."""
    return [arg for arg in node.all_input_nodes if arg.op == "get_attr" or holds_tensor(arg)]


def is_movement(node: fx.Node) -> bool:
    """Whether a node only moves elements: a view, a reshape, a slice, a pad, a roll."""
    return node.op == "call_function" and operator_name(node) in MOVEMENT


def is_activation(node: fx.Node) -> bool:
    """Whether a node maps one tensor element by element: relu, gelu, times a number ..."""
    if node.op != "call_function" or not isinstance(node.meta.get("val"), Tensor):
        return False
    name = operator_name(node)
    if name in ACTIVATIONS:
        return True
    return name in SCALAR_WHEN_UNARY and len(tensor_arguments(node)) == 1


def base_of(node: fx.Node) -> fx.Node:
    """The node that wrote a tensor's elements: back through views, slices and their indexing."""
    while is_movement(node):
        source = node.args[0]
        if not isinstance(source, fx.Node):
            break
        if node.target is getitem and not is_movement(source):
            break
        node = source
    return node


# ---- rewrites: each takes the program apart a little further and returns nothing ----


def drop_checks(graph: fx.Graph, _: Attributes) -> None:
    """Drop shape guards and assertions that torch.export adds; they compute nothing."""
    for node in reversed(graph.nodes):
        called = node.op == "call_module" or (
            node.op == "call_function" and operator_name(node) in CHECKS
        )
        if called and not node.users:
            graph.erase_node(node)
    for node in graph.nodes:
        if node.op == "call_module":
            raise CaptureError(f"{node.target}: a submodule call must not be left by torch.export")


def drop_identities(graph: fx.Graph, _: Attributes) -> None:
    """Drop dropout out of training, aliases and detached copies: they change no element."""
    for node in list(graph.nodes):
        if not is_call(node, *IDENTITIES):
            continue
        if arguments(node).get("train") is True:
            continue
        node.replace_all_uses_with(node.args[0])
        graph.erase_node(node)


def take_first_output(graph: fx.Graph, _: Attributes) -> None:
    """Let an operator with several outputs of which only the first is read stand for that one."""
    for node in list(graph.nodes):
        if node.op != "call_function" or not isinstance(node.meta.get("val"), list | tuple):
            continue
        if is_movement(node):
            continue
        used = {user.args[1] for user in node.users if user.target is getitem}
        if used != {0} or len(used) == 0:
            where = node.meta.get("stack_trace", "").strip().splitlines()
            raise CaptureError(
                f"{operator_name(node)}: a layer must have one output tensor, this operator has "
                f"{len(used)} that are read{' at ' + where[-1].strip() if where else ''}"
            )


def fold_constants(graph: fx.Graph, attributes: Attributes) -> None:
    """Compute once what depends on parameters and constants alone, such as an attention mask."""
    constant: dict[fx.Node, Tensor] = {}
    for node in list(graph.nodes):
        if node.op == "get_attr":
            constant[node] = attributes[str(node.target)]
            continue
        if node.op != "call_function" or not isinstance(node.meta.get("val"), Tensor):
            continue
        inputs = tensor_arguments(node)
        if is_call(node, *CREATORS):
            inputs = []
        elif not inputs:
            continue
        sizes = [
            arg for arg in node.all_input_nodes if not holds_tensor(arg) and arg.op != "get_attr"
        ]
        if sizes or any(arg not in constant for arg in inputs):
            continue
        constant[node] = _compute(node, constant)
        target = f"_constant_{node.name}"
        attributes[target] = constant[node]
        with graph.inserting_before(node):
            fixed = graph.get_attr(target)
        fixed.meta = {**node.meta}
        node.replace_all_uses_with(fixed)
        constant[fixed] = constant[node]
        graph.erase_node(node)
    graph.eliminate_dead_code()


def _compute(node: fx.Node, constant: dict[fx.Node, Tensor]) -> Tensor:
    """Value of a node whose inputs are constants; a creator only borrows dtype from its input."""

    def value(arg: fx.Node) -> Tensor:
        return constant[arg] if arg in constant else torch.empty(0, dtype=arg.meta["val"].dtype)

    args = fx.map_arg(node.args, value)
    kwargs = fx.map_arg(node.kwargs, value)
    result: Tensor = node.target(*args, **kwargs)  # type: ignore[operator]
    return result.detach().clone()


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
        producer = node.args[0]
        key = tuple(str(parameter and parameter.target) for parameter in parameters)
        if key not in made:
            values = [None if p is None else attributes[str(p.target)] for p in parameters]
            eps = arguments(node)["eps"]
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
        given = {**arguments(producer), "weight": new[0], "bias": new[1]}
        producer.args, producer.kwargs = (), given
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
    if len(producer.users) != 1 or norm["running_mean"] is None or norm.get("training") is True:
        return None
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
        axis: Axis of the weight's output channels.
    """
    weight, bias, mean, variance, gamma, beta = (
        None if value is None else value.double() for value in values
    )
    assert weight is not None
    assert mean is not None
    assert variance is not None
    factor = (variance + eps).rsqrt()
    if gamma is not None:
        factor = factor * gamma
    shift = -mean if bias is None else bias - mean
    shift = shift * factor
    if beta is not None:
        shift = shift + beta
    shape = [1] * weight.dim()
    shape[axis] = -1
    if factor.numel() != weight.shape[axis]:  # a grouped transposed convolution
        factor = factor.reshape(-1, weight.shape[axis])
        weight = weight.reshape(len(factor), -1, *weight.shape[1:]) * factor.reshape(
            len(factor), 1, -1, *[1] * (weight.dim() - 2)
        )
        weight = weight.flatten(0, 1)
    else:
        weight = weight * factor.reshape(shape)
    return weight.float(), shift.float()


def output_axis(node: fx.Node) -> int:
    """Axis of a weight's output channels: 1 for a transposed convolution or x @ W, else 0."""
    if is_call(node, *TRANSPOSED):
        return 1
    if is_call(node, "convolution"):
        return 1 if arguments(node)["transposed"] else 0
    return 1 if is_call(node, "matmul", "mm", "addmm") else 0


def weight_argument(node: fx.Node) -> fx.Node | None:
    """The constant that a conv or linear layer multiplies by, if it is one."""
    name = operator_name(node)
    if name in FOLDABLE:
        weight = arguments(node)["weight"]
    elif name in PRODUCTS:
        weight = node.args[PRODUCTS[name]]
        if isinstance(weight, fx.Node) and getattr(weight.meta.get("val"), "ndim", 2) != 2:
            return None
    else:
        return None
    return weight if isinstance(weight, fx.Node) and weight.op == "get_attr" else None


def producer_of(node: fx.Node) -> fx.Node | None:
    """The node that an activation joins: what it alone reads, if that is a layer's last operator.

    Nothing is absorbed through a view, into an input or a constant, or where the producer's value
    has another reader.
    """
    if not is_activation(node):
        return None
    sources = [arg for arg in tensor_arguments(node) if arg.op != "get_attr"]
    if len(sources) != 1:
        return None
    source = sources[0]
    if source.op != "call_function" or len(source.users) != 1:
        return None
    if source.target is getitem:  # the one output that is read of several
        return source if not is_movement(source.args[0]) else None  # type: ignore[arg-type]
    return None if is_movement(source) else source


Rewrite = Callable[[fx.Graph, Attributes], None]

REWRITES: tuple[Rewrite, ...] = (
    drop_checks,
    drop_identities,
    fold_constants,
    fold_batch_norm,
    take_first_output,
)
"""In the order they are applied."""

BATCH_NORMS = ("batch_norm", "_native_batch_norm_legit_no_training", "native_batch_norm")
TRANSPOSED = ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
FOLDABLE = ("conv1d", "conv2d", "conv3d", "convolution", "linear", *TRANSPOSED)
PRODUCTS = {"matmul": 1, "mm": 1, "addmm": 2}
"""Operators that are a linear layer when this argument is a constant matrix."""
CHECKS = frozenset(
    "_assert _assert_async _assert_scalar _assert_tensor_metadata sym_constrain_range "
    "sym_constrain_range_for_size".split()
)
IDENTITIES = frozenset(
    "dropout alpha_dropout feature_dropout native_dropout alias detach lift_fresh "
    "lift_fresh_copy identity".split()
)
CREATORS = frozenset(
    "new_zeros new_ones new_full new_empty zeros ones full arange zeros_like ones_like "
    "full_like scalar_tensor linspace eye".split()
)
MOVEMENT = frozenset(
    "view reshape _unsafe_view flatten unflatten permute transpose t numpy_T movedim unsqueeze "
    "squeeze expand expand_as slice select narrow split split_with_sizes chunk unbind getitem "
    "clone contiguous view_as pad constant_pad_nd reflection_pad2d replication_pad2d roll flip "
    "repeat tile channel_shuffle pixel_shuffle pixel_unshuffle to _to_copy".split()
)
ACTIVATIONS = frozenset(
    "relu relu6 hardtanh leaky_relu prelu silu gelu hardswish hardsigmoid sigmoid tanh elu selu "
    "celu mish softplus softsign log_sigmoid threshold clamp clamp_min clamp_max neg abs exp "
    "sqrt rsqrt reciprocal square log erf sin cos pow".split()
)
SCALAR_WHEN_UNARY = frozenset("add sub rsub mul div".split())
KINDS = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d", "convolution", *TRANSPOSED), "conv"),
    "linear": "linear",
    **dict.fromkeys(("matmul", "mm", "bmm", "addmm", "baddbmm"), "matmul"),
    "scaled_dot_product_attention": "attention",
    "add": "add",
    **dict.fromkeys(("sub", "rsub"), "sub"),
    "mul": "mul",
    "div": "div",
    **dict.fromkeys(("cat", "concat", "stack"), "cat"),
    **dict.fromkeys(
        ("maximum", "minimum", "where", "masked_fill", "eq", "ne", "lt", "gt", "atan2"),
        "elementwise",
    ),
    **dict.fromkeys(
        (
            "max_pool1d",
            "max_pool2d",
            "max_pool3d",
            "max_pool2d_with_indices",
            "adaptive_max_pool2d",
        ),
        "max_pool",
    ),
    **dict.fromkeys(
        (
            "avg_pool1d",
            "avg_pool2d",
            "avg_pool3d",
            "adaptive_avg_pool1d",
            "adaptive_avg_pool2d",
            "adaptive_avg_pool3d",
        ),
        "avg_pool",
    ),
    **dict.fromkeys(
        ("mean", "sum", "amax", "amin", "max", "min", "linalg_vector_norm", "norm", "var"),
        "reduce",
    ),
    **dict.fromkeys(
        (
            *BATCH_NORMS,
            "layer_norm",
            "native_layer_norm",
            "group_norm",
            "native_group_norm",
            "instance_norm",
            "rms_norm",
            "normalize",
        ),
        "norm",
    ),
    **dict.fromkeys(("softmax", "_softmax", "log_softmax", "_log_softmax"), "softmax"),
    **dict.fromkeys(
        ("upsample_nearest1d", "upsample_nearest2d", "upsample_bilinear2d", "upsample_bicubic2d"),
        "upsample",
    ),
    "embedding": "embedding",
    **dict.fromkeys(("index", "gather", "index_select"), "move"),
    **dict.fromkeys(ACTIVATIONS, "activation"),
}
"""Operator -> kind of the layer it is the root of."""
