"""What each ATen operator is: its kind, and the few classes that decide what joins which layer.

Existing tools match module types, so a functional ``relu`` or a shared module escapes them.  Here
the operators of an exported program are sorted by the tables at the foot of this file.  An
operator that no table knows becomes a layer whose kind is its own name.  The module is long because
it has all of these tables.
"""

from __future__ import annotations

import math
import re
from operator import getitem
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx


def operator_name(node: fx.Node) -> str:
    """Name of the operator a node calls: ``conv2d`` for ATen, ``namespace.name`` for others."""
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return getattr(node.target, "__name__", str(node.target))
    return str(schema.name).replace("::", ".").removeprefix("aten.")


def kind_of(node: fx.Node) -> str:
    """Kind of the layer whose root is this node; an unknown operator's kind is its own name."""
    name = operator_name(node)
    known = KINDS.get(name) or _VISION.get(name)
    if known is None and name in CASTS:  # from floats to integers: any other moves elements
        known = "elementwise"
    return known or (f"aten.{name}" if "." not in name else name)


def arguments(node: fx.Node) -> dict[str, Any]:
    """Arguments of an operator by the names in its schema, with defaults filled in."""
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
    return isinstance(node.meta.get("val"), Tensor | list | tuple)


def tensor_arguments(node: fx.Node) -> list[fx.Node]:
    """Nodes with tensor values that a node reads."""
    return [arg for arg in node.all_input_nodes if arg.op == "get_attr" or holds_tensor(arg)]


def is_movement(node: fx.Node) -> bool:
    """Whether a node only moves the elements of one tensor: a view, a reshape, a slice, a roll.

    An operator that returns a view of its argument is always a movement, because the tensor of a
    layer must have memory of its own.  A function of one tensor of integers, element by element, is
    one too: its readers compute it from the integers, such as floats from pixels, or minus infinity
    from a mask.  A cast from floats to integers is none, for it must see the exact floats.
    """
    if node.op != "call_function" or not tensor_arguments(node):
        return False
    if is_integer_map(node):
        return True
    if len(tensor_arguments(node)) != 1:
        return False
    (source,) = tensor_arguments(node)
    if is_integers(node) and operator_name(node) in CASTS:
        return is_integers(source)
    if _is_complex(source) != _is_complex(node):
        return False
    schema = getattr(node.target, "_schema", None)
    aliases = [result.alias_info for result in schema.returns] if schema is not None else []
    viewed = any(alias is not None and not alias.is_write for alias in aliases)
    return viewed or operator_name(node) in MOVEMENT


def is_integers(node: fx.Node) -> bool:
    """Whether a node's value is a tensor of integers or of booleans."""
    value = node.meta.get("val")
    return isinstance(value, Tensor) and not (value.is_floating_point() or value.is_complex())


def _is_complex(node: fx.Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, Tensor) and value.is_complex()


def is_integer_map(node: fx.Node) -> bool:
    """Whether a node computes each element from one of a tensor of integers and from constants."""
    if not isinstance(node.meta.get("val"), Tensor) or operator_name(node) not in INTEGER_MAPS:
        return False
    bases = {base_of(arg) for arg in tensor_arguments(node)}
    computed = [base for base in bases if base.op != "get_attr"]
    return len(computed) == 1 and is_integers(computed[0])


def is_activation(node: fx.Node) -> bool:
    """Whether a node maps one tensor element by element: relu, gelu, times a number ..."""
    if node.op != "call_function" or not isinstance(node.meta.get("val"), Tensor):
        return False
    name = operator_name(node)
    if name in ACTIVATION_OPERATORS:
        return True
    return name in SCALAR_WHEN_UNARY and len(tensor_arguments(node)) == 1


def base_of(node: fx.Node) -> fx.Node:
    """The node that wrote a tensor's elements: back through views, slices and their indexing."""
    while is_movement(node):
        sources = tensor_arguments(node)
        computed = [source for source in sources if source.op != "get_attr"]
        (source, *_) = computed or sources
        if len(computed) > 1:  # all of one tensor of integers
            return next(base for base in map(base_of, sources) if base.op != "get_attr")
        if node.target is getitem and not is_movement(source):
            break
        node = source
    return node


def output_axis(node: fx.Node) -> int:
    """Axis of a weight's output channels: 1 for a transposed convolution or x @ W, else 0."""
    if is_call(node, *TRANSPOSED):
        return 1
    if is_call(node, "convolution"):
        return 1 if arguments(node)["transposed"] else 0
    return 1 if is_call(node, *PRODUCTS) else 0


def weight_argument(node: fx.Node) -> fx.Node | None:
    """The constant that a conv or linear layer multiplies by, or a table of rows, if it is one."""
    name = operator_name(node)
    if name in RECURRENT:
        weight = next(iter(arguments(node).get("params") or [None]))
        return _stored_whole(weight)
    if name in RECURRENT_CELLS:
        return _stored_whole(arguments(node)["w_ih"])
    if name in FOLDABLE or name in LOOKUPS:
        weight = arguments(node)["weight"]
    elif name in PRODUCTS:
        weight = node.args[PRODUCTS[name]]
    else:
        return None
    if not isinstance(weight, fx.Node) or weight.op != "get_attr":
        return None
    matrix = name == "linear" or name in PRODUCTS or name in LOOKUPS
    return None if matrix and weight.meta["val"].dim() != 2 else weight


def _stored_whole(view: Any) -> fx.Node | None:
    """The constant that a recurrent operator reads a part of, if it reads one so."""
    if not isinstance(view, fx.Node) or not is_call(view, "narrow"):
        return None
    base = base_of(view)
    return base if base.op == "get_attr" else None


def clamp_window(node: fx.Node) -> tuple[float, float] | None:
    """Least and greatest value that a rectifier or a clamp lets through; None of another operator.

    >>> graph = fx.Graph()
    >>> clamp_window(graph.call_function(torch.ops.aten.relu6.default, (graph.placeholder("x"),)))
    (0.0, 6.0)
    """
    if is_call(node, "relu"):
        return 0.0, math.inf
    if is_call(node, "relu6"):
        return 0.0, 6.0
    if not is_call(node, "hardtanh", "clamp"):
        return None
    call = arguments(node)
    least, most = call.get("min_val", call.get("min")), call.get("max_val", call.get("max"))
    ends = -math.inf if least is None else least, math.inf if most is None else most
    return None if any(isinstance(end, fx.Node) for end in ends) else ends


def source_line(node: fx.Node) -> str:
    """Where a node comes from in the user's code, as `` at file:line``; empty if not known."""
    trace = str(node.meta.get("stack_trace") or "")
    places = [
        f" at {file}:{line}"
        for file, line in re.findall(r'File "([^"<]+)", line (\d+)', trace)
        if not file.startswith(str(Path(torch.__file__).parent))
    ]
    return places[-1] if places else ""


BATCH_NORMS = ("batch_norm", "_native_batch_norm_legit_no_training", "native_batch_norm")
TRANSPOSED = ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
FOLDABLE = ("conv1d", "conv2d", "conv3d", "convolution", "linear", *TRANSPOSED)
RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")
RECURRENT_CELLS = ("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell")
LOOKUPS = ("embedding", "embedding_bag")
"""Operators that read rows of a table; each row has a scale of its own."""
PRODUCTS = {"matmul": 1, "mm": 1, "addmm": 2}
"""Operators that are a linear layer when this argument is a constant matrix."""
ASSERTION_OPERATORS = frozenset(
    "_assert _assert_async _assert_scalar _assert_tensor_metadata _functional_assert_async "
    "_functional_assert_scalar _functional_sym_constrain_range "
    "_functional_sym_constrain_range_for_size _make_dep_token sym_constrain_range "
    "sym_constrain_range_for_size".split()
)
DROPOUTS = frozenset(
    "dropout alpha_dropout feature_dropout feature_alpha_dropout native_dropout".split()
)
IDENTITIES = frozenset("alias detach lift_fresh lift_fresh_copy positive".split())
RETRACED = frozenset("einsum expand_as view_as reshape_as wrap_with_autocast".split())
"""Operators that ``run_decompositions`` rewrites: einsum into products, ``expand_as`` and its
kind into views by sizes, autocast regions into casts."""
CREATORS = frozenset(
    "new_zeros new_ones new_full new_empty zeros ones full arange scalar_tensor linspace "
    "eye".split()
)
"""Operators whose value depends on sizes and numbers alone; a tensor argument gives the type."""
RANDOM = frozenset(
    "rand rand_like randn randn_like randint randint_like randperm bernoulli normal "
    "normal_functional multinomial uniform exponential poisson rrelu_with_noise gumbel".split()
)
"""Operators that draw random numbers."""
FILLED = frozenset(
    "zeros ones full new_zeros new_ones new_full zeros_like ones_like full_like".split()
)
"""Operators that fill a tensor with one number."""
MOVEMENT = frozenset(
    "getitem reshape _unsafe_view clone contiguous to type_as _to_copy unsafe_split "
    "unsafe_split_with_sizes unsafe_chunk pad constant_pad_nd reflection_pad1d reflection_pad2d "
    "replication_pad1d replication_pad2d roll flip rot90 repeat repeat_interleave tile "
    "channel_shuffle pixel_shuffle pixel_unshuffle".split()
)
"""Movements that may copy; every operator that returns a view is a movement besides."""
ACTIVATION_OPERATORS = frozenset(
    "relu relu6 hardtanh leaky_relu prelu _prelu_kernel silu gelu hardswish hardsigmoid sigmoid "
    "tanh elu selu celu mish softplus softshrink hardshrink log_sigmoid "
    "log_sigmoid_forward threshold clamp clamp_min clamp_max neg abs sign exp expm1 sqrt rsqrt "
    "reciprocal square log log1p erf sin cos pow floor ceil round".split()
)
SCALAR_WHEN_UNARY = frozenset("add sub rsub mul div".split())
CASTS = frozenset("to type_as _to_copy".split())
INTEGER_MAPS = (
    ACTIVATION_OPERATORS
    | SCALAR_WHEN_UNARY
    | frozenset(
        "where masked_fill eq ne lt le gt ge logical_and logical_or logical_not logical_xor "
        "bitwise_and bitwise_or bitwise_not bitwise_xor __and__ __or__ __xor__ remainder fmod "
        "floor_divide maximum minimum isin to type_as _to_copy".split()
    )
)
"""Operators that compute each element of one tensor of integers, and of constants, on its own."""

_VISION = {
    "torchvision.roi_align": "sample",
    "torchvision.ps_roi_align": "sample",
    "torchvision.roi_pool": "sample",
    "torchvision.ps_roi_pool": "sample",
    "torchvision.deform_conv2d": "deform_conv",
    "torchvision.nms": "sort",
}
_WORDS = {
    "conv": "conv1d conv2d conv3d convolution conv_transpose1d conv_transpose2d conv_transpose3d",
    "linear": "linear",
    "matmul": "matmul mm bmm addmm baddbmm mv dot vdot linalg_vecdot",
    "attention": "scaled_dot_product_attention _scaled_dot_product_flash_attention_for_cpu "
    "_scaled_dot_product_efficient_attention",
    "add": "add",
    "sub": "sub rsub",
    "mul": "mul",
    "div": "div",
    "cat": "cat concat concatenate stack hstack vstack dstack column_stack",
    "elementwise": "maximum minimum where masked_fill eq ne lt le gt ge logical_and logical_or "
    "logical_not logical_xor bitwise_and bitwise_or bitwise_not bitwise_xor __and__ __or__ __xor__ "
    "remainder fmod floor_divide fmax fmin isnan isinf isfinite isin nan_to_num atan2 hypot glu "
    "lerp addcmul addcdiv outer ger cross",
    "max_pool": "max_pool1d max_pool2d max_pool3d max_pool2d_with_indices adaptive_max_pool1d "
    "adaptive_max_pool2d adaptive_max_pool3d",
    "avg_pool": "avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d "
    "adaptive_avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d",
    "reduce": "mean sum nansum prod amax amin aminmax max min argmax argmin var std "
    "var_mean std_mean norm linalg_vector_norm logsumexp any all count_nonzero "
    "cosine_similarity pairwise_distance col2im trace",
    "scan": "cumsum cumprod cummax cummin logcumsumexp diff",
    "sort": "sort topk argsort msort kthvalue median nanmedian mode quantile bucketize "
    "searchsorted",
    "fft": "stft istft fft_fft fft_ifft fft_rfft fft_irfft fft_hfft fft_ihfft fft_fft2 fft_ifft2 "
    "fft_rfft2 fft_irfft2 fft_fftn fft_ifftn fft_rfftn fft_irfftn _fft_r2c _fft_c2c _fft_c2r",
    "distance": "cdist _cdist_forward",
    "recurrent": " ".join((*RECURRENT, *RECURRENT_CELLS)),
    "norm": "batch_norm _native_batch_norm_legit_no_training _native_batch_norm_legit "
    "native_batch_norm layer_norm native_layer_norm group_norm native_group_norm instance_norm "
    "rms_norm",
    "softmax": "softmax _softmax log_softmax _log_softmax",
    "upsample": "upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_linear1d "
    "upsample_bilinear2d upsample_trilinear3d upsample_bicubic2d _upsample_nearest_exact1d "
    "_upsample_nearest_exact2d _upsample_nearest_exact3d _upsample_bilinear2d_aa "
    "_upsample_bicubic2d_aa",
    "sample": "grid_sampler grid_sampler_2d grid_sampler_3d affine_grid_generator",
    "embedding": "embedding",
    "embedding_bag": "embedding_bag _embedding_bag",
    "move": "index gather index_select index_put _unsafe_index take take_along_dim scatter "
    "masked_scatter index_fill index_copy slice_scatter select_scatter diagonal_scatter copy fill "
    "zero zeros_like ones_like full_like empty_like one_hot im2col unfold_copy max_unpool2d "
    "max_unpool3d tril triu diag diag_embed block_diag tril_indices triu_indices meshgrid "
    + " ".join(sorted(CREATORS)),
    "add_at": "scatter_add scatter_reduce index_add index_reduce",
    "activation": " ".join(sorted(ACTIVATION_OPERATORS)),
}
KINDS = {name: kind for kind, names in _WORDS.items() for name in names.split()}
"""ATen operator -> kind of the layer it is the root of."""
