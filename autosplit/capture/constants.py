"""Constant folding: what depends on parameters and constants alone is computed once and kept."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import combinations
from operator import floordiv, neg
from typing import Any

import torch
from torch import Tensor, fx

from autosplit.capture.operators import (
    CREATORS,
    FILLED,
    arguments,
    holds_tensor,
    is_call,
    is_movement,
    operator_name,
    tensor_arguments,
)

Attributes = dict[str, Tensor]
"""Constants and parameters of a program: ``get_attr`` target -> value."""
LEARNED = "learned"
"""Key in the ``meta`` of a ``get_attr`` node: whether its value is a parameter, or made of some."""
MAX_BATCH = 65_536
"""Most samples of a batch."""
FILLING = "filling"
"""Key in the ``meta`` of a ``get_attr`` node: whether it is the number that fills a tensor."""


def is_learned(nodes: Iterable[fx.Node | None]) -> bool:
    """Whether one of some ``get_attr`` nodes is a parameter, or made of some."""
    return any(node is not None and bool(node.meta.get(LEARNED)) for node in nodes)


def fold_constants(graph: fx.Graph, attributes: Attributes) -> None:
    """Compute once what depends on parameters and constants alone, such as an attention mask.

    A view of a parameter that others read as well stays a view, so that the parameter is stored
    once.
    """
    constant: dict[fx.Node, Any] = {}
    shared = _shared_views(graph)
    for node in list(graph.nodes):
        if node.op == "get_attr":
            constant[node] = attributes[str(node.target)]
        if node.op != "call_function" or not holds_tensor(node):
            continue
        inputs = tensor_arguments(node)
        creator = is_call(node, *CREATORS) or not inputs
        sizes = set(node.all_input_nodes) - set(inputs)
        if node in shared:
            continue
        if sizes or not (creator or (inputs and all(arg in constant for arg in inputs))):
            continue
        constant[node] = value = _compute(node, constant)
        if isinstance(value, Tensor):
            target = add_attribute(attributes, f"_constant_{node.name}", value)
            with graph.inserting_before(node):
                fixed = graph.get_attr(target)
            fixed.meta = {**node.meta, LEARNED: is_learned(inputs)}
            node.replace_all_uses_with(fixed)
            constant[fixed] = value
    graph.eliminate_dead_code()


def _shared_views(graph: fx.Graph) -> set[fx.Node]:
    """Views of parameters that together read more than the parameter has, perhaps all of it."""
    readers: dict[str, list[fx.Node]] = {}
    sizes: dict[str, int] = {}
    for node in graph.nodes:
        if node.op == "get_attr" and node.meta.get(LEARNED):
            readers.setdefault(str(node.target), []).extend(node.users)
            sizes[str(node.target)] = _elements(node)
    shared: set[fx.Node] = set()
    for target, users in readers.items():
        views = {user for user in users if is_movement(user)}
        read = sum(_elements(view) for view in views)
        whole = sizes[target] if len(views) < len(set(users)) else 0
        stored = max((_elements(view.all_input_nodes[0]) for view in views), default=0)
        if read + whole > stored:
            shared |= views
    for node in graph.nodes:
        if node.op == "call_function" and is_movement(node) and shared & set(node.all_input_nodes):
            shared.add(node)
    return shared


def _elements(node: fx.Node) -> int:
    """Elements of a node's tensor, or of its tensors."""
    value = node.meta.get("val")
    values = value if isinstance(value, list | tuple) else [value]
    return sum(math.prod(map(int, x.shape)) for x in values if isinstance(x, Tensor))


def views_of_others(values: Mapping[fx.Node, Tensor]) -> dict[fx.Node, tuple[fx.Node, int]]:
    """Parameters whose memory lies in a larger or an earlier one -> that one, and where.

    Parameters that lie in the memory of another one in the same way are tied, and no views.

    Args:
        values: Node of each parameter -> its value.
    """
    order = sorted(values, key=lambda n: (-values[n].numel(), not values[n].is_contiguous()))
    found: dict[fx.Node, tuple[fx.Node, int]] = {}
    wholes: list[fx.Node] = []
    for node in order:
        value = values[node]
        spans = zip(value.shape, value.stride(), strict=True)
        last = sum((length - 1) * stride for length, stride in spans)
        for owner in wholes:
            one = values[owner]
            offset = int(value.storage_offset()) - int(one.storage_offset())
            same = value.untyped_storage().data_ptr() == one.untyped_storage().data_ptr()
            if same and value.dtype == one.dtype and 0 <= offset <= offset + last < one.numel():
                if (value.shape, value.stride(), offset) != (one.shape, one.stride(), 0):
                    found[node] = owner, offset
                break
        else:
            if value.numel() and value.is_contiguous():
                wholes.append(node)
    return found


def shared_in_part(
    values: Mapping[fx.Node, Tensor], views: Mapping[fx.Node, object]
) -> tuple[fx.Node, fx.Node, int] | None:
    """Two parameters that share some elements of their memory, and how many; None without any.

    Parameters that are tied, or of which one lies in the other, are not among them.

    Args:
        values: Node of each parameter -> its value.
        views: Parameters that lie in another one, of ``views_of_others``.
    """
    by_memory: dict[int, list[fx.Node]] = {}
    for node, value in values.items():
        if node not in views and value.numel():
            by_memory.setdefault(value.untyped_storage().data_ptr(), []).append(node)
    for nodes in by_memory.values():
        for first, second in combinations(nodes, 2):
            one, other = values[first], values[second]
            if one.stride() == other.stride() and one.data_ptr() == other.data_ptr():
                continue
            count = int(torch.isin(_addresses(one), _addresses(other)).sum())
            if count:
                return first, second, count
    return None


def _addresses(value: Tensor) -> Tensor:
    """Addresses of the elements of a tensor, flat."""
    found = torch.tensor(value.data_ptr())
    for length, stride in zip(value.shape, value.stride(), strict=True):
        found = found[..., None] + torch.arange(length) * (stride * value.element_size())
    return found.flatten()


def fold_filled(graph: fx.Graph, attributes: Attributes) -> None:
    """Store once what depends on the batch size alone: equal numbers, and a count of the samples.

    Such are the zeros that a recurrent layer begins with.  They are a view of one stored element
    then, and no layer; ``arange`` is a part of a stored count.
    """
    for node in list(graph.nodes):
        value = node.meta.get("val")
        if _counts_samples(node):
            _fold_count(graph, attributes, node)
            continue
        if not is_call(node, *FILLED) or not isinstance(value, Tensor):
            continue
        filler = _filler(node)
        if filler is None:
            continue
        fixed = torch.full((1,) * value.dim(), filler, dtype=value.dtype)
        with graph.inserting_before(node):
            constant = graph.get_attr(add_attribute(attributes, f"_constant_{node.name}", fixed))
            constant.meta = {"val": fixed, LEARNED: False, FILLING: True}
            sizes = [_length(graph, node, axis) for axis in range(value.dim())]
            whole = graph.call_function(torch.ops.aten.expand.default, (constant, sizes))
        whole.meta = {**node.meta}
        node.replace_all_uses_with(whole)
    graph.eliminate_dead_code()


def _counts_samples(node: fx.Node) -> bool:
    """Whether a node counts from 0 in equal steps to a number that grows with the batch."""
    if not is_call(node, "arange"):
        return False
    call = arguments(node)
    step = call.get("step", 1)
    return isinstance(call["end"], fx.Node) and not call.get("start") and isinstance(step, int)


def _fold_count(graph: fx.Graph, attributes: Attributes, node: fx.Node) -> None:
    """Replace a count of the samples by a part of one that is as long as a batch can be."""
    call = arguments(node)
    step = call.get("step", 1)
    every = step * torch.arange(MAX_BATCH, dtype=node.meta["val"].dtype)
    with graph.inserting_before(node):
        constant = graph.get_attr(add_attribute(attributes, f"_constant_{node.name}", every))
        constant.meta = {"val": every, LEARNED: False, FILLING: True}
        length = call["end"]
        if step != 1:  # upwards: as many as there are steps that begin before the end
            length = graph.call_function(neg, (length,))
            length = graph.call_function(floordiv, (length, step))
            length = graph.call_function(neg, (length,))
        part = graph.call_function(torch.ops.aten.slice.Tensor, (constant, 0, 0, length))
    part.meta = {**node.meta}
    node.replace_all_uses_with(part)


def _filler(node: fx.Node) -> float | int | bool | None:
    """The number that fills a tensor; None where it is computed."""
    name = operator_name(node)
    if "zeros" in name:
        return 0
    if "ones" in name:
        return 1
    found = arguments(node)["fill_value"]
    return found if isinstance(found, int | float) else None


def _length(graph: fx.Graph, node: fx.Node, axis: int) -> Any:
    """Length of an axis, or the node that computes it."""
    length = node.meta["val"].shape[axis]
    if isinstance(length, int):
        return length
    call = arguments(node)
    if "size" in call:
        return call["size"][axis]
    like = call["self"]
    found = graph.call_function(torch.ops.aten.sym_size.int, (like, axis))
    found.meta["val"] = length
    return found


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
