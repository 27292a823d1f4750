"""Groups of operators -> layers: what each of them reads, stores, multiplies and writes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import getitem
from typing import Any

from torch import fx

from autosplit.capture.constants import FILLING
from autosplit.capture.groups import Group
from autosplit.capture.operators import (
    LOOKUPS,
    arguments,
    base_of,
    is_call,
    kind_of,
    operator_name,
    output_axis,
    tensor_arguments,
    weight_argument,
)
from autosplit.capture.recurrent import recurrent_products
from autosplit.graph.layer import Gemm, Layer, Shape


@dataclass(frozen=True)
class TensorFacts:
    """What describing the layers of a program needs to know of its tensors.

    Attributes:
        tensor_of: Node that writes a tensor -> the tensor's name.
        sizes: Node -> shape of its tensor for one sample.
        owners: Target of a quantized weight -> first layer that reads it.
    """

    tensor_of: Mapping[fx.Node, str]
    sizes: Mapping[fx.Node, Any]
    owners: Mapping[str, str]


def describe_layers(groups: Iterable[Group], found: TensorFacts) -> Iterator[Layer]:
    """The records of all layers; a parameter that is no weight counts for its first reader."""
    counted = set(found.owners)
    for layer in groups:
        read: dict[str, list[Shape]] = {}
        fixed = 0
        for base, argument in _reads(layer):
            target = str(base.target)
            if base in found.tensor_of:
                read.setdefault(found.tensor_of[base], []).append(found.sizes[argument])
            elif base.op == "get_attr" and target not in counted and FILLING not in base.meta:
                counted.add(target)
                fixed += math.prod(base.meta["val"].shape)
        yield _layer(layer, found, read, fixed)


def _reads(layer: Group) -> Iterator[tuple[fx.Node, fx.Node]]:
    """For each tensor that a layer reads: the node that wrote it, and the view that is read."""
    for node in layer.nodes:
        for argument in tensor_arguments(node):
            if argument not in layer.nodes:
                yield base_of(argument), argument


def _layer(
    layer: Group, found: TensorFacts, read: Mapping[str, list[Shape]], fixed_elements: int
) -> Layer:
    """Describe one layer."""
    root, sizes = layer.root, found.sizes
    start = layer.nodes.index(root)
    written = next(node for node in layer.nodes[start:] if node in sizes)
    whole = {tensor: sizes[node] for node, tensor in found.tensor_of.items() if tensor in read}
    weight = weight_argument(root)
    shape = tuple(weight.meta["val"].shape) if weight is not None else (0,)
    if (
        layer.kind in LOOKUPS
        and weight is not None
        and found.owners[str(weight.target)] == layer.name
    ):
        fixed_elements += shape[0]  # a table has as many scales as rows, many for what it holds
    return Layer(
        name=layer.name,
        kind=layer.kind,
        inputs=tuple(read),
        input_shapes=tuple(
            shapes[0] if len(shapes) == 1 else whole[tensor] for tensor, shapes in read.items()
        ),
        output_shape=sizes[layer.output],
        weight_elements=math.prod(shape),
        weight_channels=shape[output_axis(root)] if weight is not None else 0,
        weight_owner=found.owners[str(weight.target)] if weight is not None else "",
        fixed_elements=fixed_elements,
        gemms=() if layer.is_again else _products(layer, sizes),
        operators=tuple(operator_name(node) for node in layer.nodes if node.target is not getitem),
        **_window(root, sizes[written], sizes),
    )


def _products(layer: Group, sizes: Mapping[fx.Node, Any]) -> tuple[Gemm, ...]:
    """Matrix multiplications of all operators of a layer."""
    written = (layer.nodes[i:] for i in range(len(layer.nodes)))
    outputs = (next(node for node in after if node in sizes) for after in written)
    pairs = zip(layer.nodes, outputs, strict=True)
    return tuple(gemm for node, output in pairs for gemm in _gemms(node, sizes[output], sizes))


def _gemms(root: fx.Node, output: Shape, sizes: Mapping[fx.Node, Any]) -> tuple[Gemm, ...]:
    """Matrix multiplications of a layer for one sample; ``output`` is what its root writes."""
    kind, weight = kind_of(root), weight_argument(root)
    elements = math.prod(output)
    if kind == "conv":
        call = arguments(root)
        shape, groups = tuple(call["weight"].meta["val"].shape), call["groups"]
        if output_axis(root) == 1:
            pixels = math.prod(sizes[call["input"]]) // shape[0]
            return (Gemm(pixels, shape[0] // groups, math.prod(shape[1:]), groups),)
        return (Gemm(elements // shape[0], math.prod(shape[1:]), shape[0] // groups, groups),)
    if kind == "deform_conv":
        shape = tuple(root.args[1].meta["val"].shape)  # type: ignore[union-attr]
        return (Gemm(elements // shape[0], math.prod(shape[1:]), shape[0]),)
    if kind in LOOKUPS:
        return ()
    if kind == "recurrent":
        return recurrent_products(root, sizes)
    if weight is not None:
        shape = tuple(weight.meta["val"].shape)
        filters = shape[output_axis(root)]
        return (Gemm(elements // filters, math.prod(shape) // filters, filters),)
    if kind == "linear":  # by a matrix that is computed, not stored
        filter_size = sizes[root.args[0]][-1]  # type: ignore[index]
        return (Gemm(elements // output[-1], filter_size, output[-1]),)
    if kind == "matmul":
        left: Any = root.args[1 if is_call(root, "addmm", "baddbmm") else 0]
        columns = output[-1]
        rows = output[-2] if len(output) > 1 else 1
        return (Gemm(rows, sizes[left][-1], columns, elements // (rows * columns)),)
    if kind == "attention":
        query, key, value = (sizes[arg] for arg in root.args[:3] if isinstance(arg, fx.Node))
        heads = math.prod(query) // (query[-1] * query[-2])
        scores = Gemm(query[-2], query[-1], key[-2], heads)
        return (scores, Gemm(query[-2], key[-2], value[-1], heads))
    return ()


def _window(root: fx.Node, output: Shape, sizes: Mapping[fx.Node, Any]) -> dict[str, Any]:
    """Kernel, stride, padding and groups of a convolution or a pool."""
    kind = kind_of(root)
    if kind not in ("conv", "max_pool", "avg_pool"):
        return {}
    call = arguments(root)
    if kind == "conv":
        kernel = tuple(call["weight"].meta["val"].shape[2:])
        stride, dilation = (_each(call[key], len(kernel)) for key in ("stride", "dilation"))
        if call["padding"] == "same":
            padding = tuple(d * (k - 1) // 2 for d, k in zip(dilation, kernel, strict=True))
        elif call["padding"] == "valid":
            padding = (0,) * len(kernel)
        else:
            padding = _each(call["padding"], len(kernel))
        return {"kernel": kernel, "stride": stride, "padding": padding, "groups": call["groups"]}
    dims = int(operator_name(root).partition("pool")[2][0])
    if "kernel_size" not in call:  # adaptive
        spans = zip(sizes[root.args[0]][-dims:], output[-dims:], strict=True)  # type: ignore[index]
        kernel = tuple(math.ceil(before / after) for before, after in spans)
        return {"kernel": kernel, "stride": kernel, "padding": (0,) * dims}
    kernel = _each(call["kernel_size"], dims)
    stride = _each(call["stride"], dims) if call["stride"] else kernel
    return {"kernel": kernel, "stride": stride, "padding": _each(call["padding"], dims)}


def _each(value: Any, dims: int) -> Shape:
    """One number per spatial dimension."""
    numbers = (value,) if isinstance(value, int) else tuple(value)
    return numbers * dims if len(numbers) == 1 else numbers
