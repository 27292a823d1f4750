"""Operators of a fused program -> layers: grouped, named after their modules, and counted.

Views and other movements belong to whoever wrote the tensor: they are repeated by its readers, so
the tensor of a layer is always what its last computing operator wrote.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import getitem
from typing import Any

from torch import fx

from autosplit.capture.operators import (
    arguments,
    base_of,
    holds_tensor,
    is_call,
    is_movement,
    kind_of,
    operator_name,
    output_axis,
    tensor_arguments,
    weight_argument,
)
from autosplit.capture.rewrites import producer_of
from autosplit.graph.layer import Gemm, Layer, Shape


@dataclass
class Group:
    """Operators that become one layer.

    Attributes:
        nodes: In order; the first is the layer's root, the last writes its tensor.
        name: The layer's name.
    """

    nodes: list[fx.Node]
    name: str = ""

    @property
    def root(self) -> fx.Node:
        """The operator that says what the layer computes."""
        return self.nodes[0]

    @property
    def output(self) -> fx.Node:
        """The operator that writes the layer's tensor."""
        return self.nodes[-1]

    @property
    def kind(self) -> str:
        """What the layer computes; a product by a stored matrix is a linear layer."""
        kind = kind_of(self.root)
        return "linear" if kind == "matmul" and weight_argument(self.root) is not None else kind


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


def group(operators: fx.Graph) -> list[Group]:
    """Layers of a program, named, ordered by the node that writes their tensor."""
    groups: dict[fx.Node, Group] = {}
    for node in operators.nodes:
        if node.op != "call_function" or not holds_tensor(node):
            continue
        source = node.args[0] if node.target is getitem else producer_of(node)
        if isinstance(source, fx.Node) and source in groups:
            joined = groups.pop(source)
            joined.nodes.append(node)
            groups[node] = joined
        elif not is_movement(node):
            groups[node] = Group([node])
    order = {node: i for i, node in enumerate(operators.nodes)}
    ordered = sorted(groups.values(), key=lambda found: order[found.output])
    _name(ordered, {node.name for node in operators.nodes if node.op == "placeholder"})
    return ordered


def _name(groups: list[Group], taken: set[str]) -> None:
    """Name every layer after the module it came from, and make the names unique.

    A layer with a weight is named after the module that holds the weight.  Another is named after
    its module if that module has no other layer and no submodule, else with its kind appended.
    """
    paths = [_module_path(found) for found in groups]
    count = Counter(paths)
    inner = {path.rpartition(".")[0] for path in paths}
    for found, path in zip(groups, paths, strict=True):
        weight = weight_argument(found.root)
        if weight is not None and not str(weight.target).startswith("_constant"):
            name = _weight_path(str(weight.target))
        elif path and count[path] == 1 and path not in inner:
            name = path
        else:
            kind = found.kind.removeprefix("aten.")
            name = f"{path}.{kind}" if path else kind
        found.name = name
        for place in itertools.count(2):
            if found.name not in taken:
                break
            found.name = f"{name}_{place}"
        taken.add(found.name)


def _module_path(found: Group) -> str:
    """Path of the module that called a layer's root, empty for the network itself."""
    stack = found.root.meta.get("nn_module_stack") or {}
    path = next(reversed(list(stack.values())), ("",))[0]
    return re.sub(r"^L__self__\.?|@\d+", "", str(path))


def _weight_path(target: str) -> str:
    """Layer name from a weight's target.

    >>> _weight_path("layer1/0/conv1/weight_folded"), _weight_path("attention/in_proj_weight")
    ('layer1.0.conv1', 'attention.in_proj')
    """
    *module, leaf = target.rstrip("_").split("/")
    leaf = leaf.removesuffix("_folded").removesuffix("weight").removesuffix("_")
    return ".".join([*module, leaf] if leaf else module) or "weight"


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
            elif base.op == "get_attr" and target not in counted:
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
    written = next(node for node in layer.nodes if node in sizes)
    whole = {tensor: sizes[node] for node, tensor in found.tensor_of.items() if tensor in read}
    weight = weight_argument(root)
    shape = tuple(weight.meta["val"].shape) if weight is not None else (0,)
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
        gemms=_gemms(root, sizes[written], sizes),
        operators=tuple(operator_name(node) for node in layer.nodes if node.target is not getitem),
        **_window(root, sizes[written], sizes),
    )


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
