"""Operators of a rewritten program in groups, each of which is one layer, and their names.

Views and other movements belong to whoever wrote the tensor: they are repeated by its readers, so
the tensor of a layer is always what its last computing operator wrote.  What must not be quantized
on its own, masked scores, divisors or complex numbers, is no tensor of a layer: it joins its
reader.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass
from operator import getitem
from typing import Any

from torch import fx

from autosplit.capture.masks import hides, reads_hidden
from autosplit.capture.operators import (
    arguments,
    base_of,
    holds_tensor,
    is_call,
    is_movement,
    kind_of,
    tensor_arguments,
    weight_argument,
)
from autosplit.capture.rewrites import producer_of

_SCORES = frozenset("matmul add sub mul div activation".split())
"""Kinds of layers that write scores, and change them."""
_DIVISORS = frozenset("reduce add sub mul div activation elementwise".split())
"""Kinds of layers that write what another tensor is divided by."""


@dataclass
class Group:
    """Operators that become one layer.

    Attributes:
        nodes: In order; the last writes the layer's tensor.
        root: The operator that says what the layer computes.
        is_again: Whether an earlier layer has the same root, and takes another output of it.
        name: The layer's name.
    """

    nodes: list[fx.Node]
    root: fx.Node
    is_again: bool = False
    name: str = ""

    @property
    def output(self) -> fx.Node:
        """The operator that writes the layer's tensor."""
        return self.nodes[-1]

    @property
    def kind(self) -> str:
        """What the layer computes; a product by a stored matrix is a linear layer.

        A softmax with the product that gives its scores is attention.
        """
        kind = kind_of(self.root)
        if kind == "softmax" and any(kind_of(node) == "matmul" for node in self.nodes):
            return "attention"
        return "linear" if kind == "matmul" and weight_argument(self.root) is not None else kind


def group(operators: fx.Graph, infinite: Container[fx.Node] = ()) -> list[Group]:
    """Layers of a program, named, ordered by the node that writes their tensor.

    Args:
        operators: The program.
        infinite: Operators that write infinity, which join what reads them.
    """
    groups: dict[fx.Node, Group] = {}
    read: set[fx.Node] = set()
    for node in operators.nodes:
        if node.op != "call_function" or not holds_tensor(node) or _has_outputs(node):
            continue
        source = producer_of(node)
        if source in groups:
            groups[node] = groups.pop(source)
            groups[node].nodes.append(node)
        elif node.target is getitem and isinstance(call := node.args[0], fx.Node):
            if not _has_outputs(call):
                continue
            groups[node] = Group([call, node], call, call in read)
            read.add(call)
        elif not is_movement(node):
            groups[node] = Group([node], node)
        else:
            continue
        _join_what_waits(groups, node, infinite)
    order = {node: i for i, node in enumerate(operators.nodes)}
    ordered = sorted(groups.values(), key=lambda found: order[found.output])
    _name(ordered, {node.name for node in operators.nodes if node.op == "placeholder"})
    return ordered


def _has_outputs(node: Any) -> bool:
    """Whether an operator computes several tensors; a layer takes one of them."""
    several = isinstance(node, fx.Node) and isinstance(node.meta.get("val"), list | tuple)
    return several and not is_movement(node)


def _join_what_waits(
    groups: dict[fx.Node, Group], node: fx.Node, infinite: Container[fx.Node]
) -> None:
    """Let the layer that ends with a node begin with what it alone reads and what must not stay.

    Those are complex numbers, infinity, divisors and hidden scores; and the scores that an operator
    hides, for a layer that ends in a softmax writes no scores at all, as the attention of torch
    does not.
    """
    found = groups[node]
    todo = [node]
    while todo:
        reader = todo.pop()
        for argument in tensor_arguments(reader):
            base = base_of(argument)
            waiting = groups.get(base)
            if waiting is None or waiting is found or _only_reader(base) is not reader:
                continue
            if base.meta["val"].is_complex():
                found.root = waiting.root
            elif any(map(hides, waiting.nodes)) and reads_hidden(found.root):
                if found.root.op == "call_function" and hides(found.root):
                    found.root = waiting.root
            elif hides(reader) and waiting.kind in _SCORES:
                found.root = waiting.root
            elif base in infinite:
                if weight_argument(waiting.root) is not None:
                    if weight_argument(found.root) is not None:
                        continue
                    found.root = waiting.root
            elif _divides(argument, base, reader) and waiting.kind in _DIVISORS:
                pass  # a grid has the number 0, which nothing may be divided by
            else:
                continue
            del groups[base]
            todo += waiting.nodes
            found.nodes = [*waiting.nodes, *_views(argument, base), *found.nodes]


def _divides(argument: fx.Node, base: fx.Node, reader: fx.Node) -> bool:
    """Whether an operator divides by a tensor that it reads, or multiplies by its reciprocal.

    Norms that are written by hand do: x / sqrt(variance + eps), x rsqrt(mean square), x / |x|.
    """
    if is_call(reader, "div"):
        return arguments(reader)["other"] is argument
    return is_call(reader, "mul") and is_call(base, "rsqrt", "reciprocal")


def _views(view: fx.Node, base: fx.Node) -> list[fx.Node]:
    """The views from a tensor to one of its views, in order."""
    found: list[fx.Node] = []
    while view is not base:
        found.append(view)
        view = next(arg for arg in tensor_arguments(view) if arg.op != "get_attr")
    return found[::-1]


def _only_reader(node: fx.Node) -> fx.Node | None:
    """The one operator that reads a tensor, perhaps through views; None if there are several."""
    while True:
        readers = [user for user in node.users if user.op == "output" or holds_tensor(user)]
        if len(readers) != 1:
            return None
        (node,) = readers
        if not is_movement(node):
            return node


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
