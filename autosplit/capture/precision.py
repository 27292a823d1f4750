"""A program that computes in another floating type -> the same one in float32.

What is measured, searched and quantized is float32 everywhere.  A network in half precision is
rewritten after it is exported, so that casts inside of it, which a float32 copy of its module would
still make, change too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import map_aggregate

from autosplit.capture.constants import Attributes
from autosplit.capture.operators import CASTS, arguments, is_call, source_line, tensor_arguments
from autosplit.errors import CaptureError


def to_float32(graph: fx.Graph, attributes: Attributes) -> tuple[str, ...]:
    """Let a program compute in float32: its parameters, its casts, whatever names a type.

    Values of float16 and bfloat16 are values of float32; those of float64 are rounded.  In a
    network whose parameters and inputs are float32, casts to float64 and back stay.

    Args:
        graph: The program, without in-place operators; changed in place.
        attributes: Parameters and constants of the program; changed in place.

    Returns:
        Names of the types that it computed in, sorted; none if it is left as it is.

    Raises:
        CaptureError: It reads the bits of such a number as those of another type.
    """
    own = {value.dtype for value in attributes.values() if value.dim()}
    used = set()
    for node in graph.nodes:
        dtypes = _dtypes(node)
        used |= dtypes
        own |= dtypes if node.op == "placeholder" else set()
    others = {dtype for dtype in own | used if dtype.is_floating_point} - {torch.float32}
    if torch.float64 not in own:
        others.discard(torch.float64)
    if not others:
        return ()

    def widened(value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.float() if value.dtype in others else value
        other = isinstance(value, torch.dtype) and value in others
        return torch.float32 if other else value

    for node in graph.nodes:
        if is_call(node, "view") and len(node.args) > 1 and isinstance(node.args[1], torch.dtype):
            raise CaptureError(
                f"view{source_line(node)}: a network in {_names(others)[0]} must not read the bits "
                "of its numbers as another type"
            )
        node.args, node.kwargs = map_aggregate((node.args, node.kwargs), _plain(widened))
        node.meta = {**node.meta, "val": map_aggregate(node.meta.get("val"), widened)}
    for target, value in attributes.items():
        attributes[target] = widened(value)
    for node in list(graph.nodes):
        if is_call(node, *CASTS) and _changes_nothing(node):
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
    return _names(others)


def _dtypes(node: fx.Node) -> set[torch.dtype]:
    """Types of a node's value, or of the tensors in it."""
    leaves = torch.utils._pytree.tree_leaves(node.meta.get("val"))  # noqa: SLF001
    return {leaf.dtype for leaf in leaves if isinstance(leaf, Tensor)}


def _plain(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same of all arguments that are no nodes."""
    return lambda value: value if isinstance(value, fx.Node) else change(value)


def _changes_nothing(node: fx.Node) -> bool:
    """Whether a cast gives a tensor of the type that it has, in the same order."""
    (source, *_) = tensor_arguments(node)
    same = source.meta["val"].dtype == node.meta["val"].dtype
    return bool(same) and not arguments(node).get("memory_format")


def _names(dtypes: set[torch.dtype]) -> tuple[str, ...]:
    """Names of types, sorted.

    >>> _names({torch.float16, torch.bfloat16})
    ('bfloat16', 'float16')
    """
    return tuple(sorted(str(dtype).removeprefix("torch.") for dtype in dtypes))
