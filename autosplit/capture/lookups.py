"""Operators that look values up by their place, and the places that they allow.

A token id, a class or a length outside of them ends torch with an error that names neither the
input nor its values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, fx

from autosplit.capture.operators import (
    CASTS,
    INTEGER_MAPS,
    arguments,
    is_call,
    is_integers,
    is_movement,
    operator_name,
    source_line,
)
from autosplit.graph.integers import AllowedIndices

_BY_AXIS = ("gather", "index_select", "scatter", "scatter_add", "scatter_reduce")
"""Operators with one tensor of places along one axis."""


def places_of_input(node: fx.Node) -> AllowedIndices | None:
    """Places that the readers of a network's input allow; None where nothing is looked up by it."""
    found = [
        places for user, read in _readers(node) for places in _allowed(user) if places[0] is read
    ]
    if not found:
        return None
    low, high = max(one.low for _, one in found), min(one.high for _, one in found)
    what = next(one.what for _, one in found if one.high == high)
    return AllowedIndices(low, high, what)


def lookup_problem(node: fx.Node, values: dict[fx.Node, Any]) -> str:
    """What is wrong with the places that an operator of a running program reads; empty if nothing.

    Args:
        node: The operator.
        values: Values of the nodes that it reads.
    """
    for read, allowed in _allowed(node):
        value = values.get(read)
        wrong = allowed.wrong_value(value) if isinstance(value, Tensor) else None
        if wrong is not None:
            return (
                f"{node.name}{source_line(node)}: indices must be {allowed.low}..{allowed.high} "
                f"({allowed.what}), got {wrong}"
            )
    return ""


def _readers(node: fx.Node) -> Iterator[tuple[fx.Node, fx.Node]]:
    """Operators that read a tensor through views alone, each with the view that it reads."""
    todo = [node]
    while todo:
        read = todo.pop()
        for user in read.users:
            if user.op != "call_function":
                continue
            if is_movement(user) and is_integers(user) and not _changes(user):
                todo.append(user)
            else:
                yield user, read


def _changes(node: fx.Node) -> bool:
    """Whether an operator changes the integers that it reads."""
    return operator_name(node) in INTEGER_MAPS - CASTS


def _allowed(user: fx.Node) -> Iterator[tuple[fx.Node, AllowedIndices]]:
    """Each tensor of places that an operator reads, and the places that it allows."""
    if is_call(user, "embedding", "embedding_bag"):
        call = arguments(user)
        table = call["weight"]
        rows, name = table.meta["val"].shape[0], _table_name(table)
        if isinstance(rows, int):
            yield call["indices"], AllowedIndices(0, rows - 1, f"rows of the table {name}")
    elif is_call(user, *_BY_AXIS):
        call = arguments(user)
        yield from _along(call["self"], call["dim"], call["index"], 0)
    elif is_call(user, "index", "index_put"):
        call = arguments(user)
        for axis, index in enumerate(call["indices"]):
            if not isinstance(index, fx.Node) or "bool" in str(index.meta["val"].dtype):
                if index is not None:
                    return  # a mask may stand for several axes
                continue
            yield from _along(call["self"], axis, index, None)


def _along(
    source: fx.Node, axis: int, index: fx.Node, low: int | None
) -> Iterator[tuple[fx.Node, AllowedIndices]]:
    """Places along an axis; a negative one counts from the end where ``low`` is None."""
    length = source.meta["val"].shape[axis]
    if isinstance(length, int):
        least = -length if low is None else low
        yield index, AllowedIndices(least, length - 1, f"places of axis {axis} of {source.name}")


def _table_name(table: fx.Node) -> str:
    """Name of a table as its module has it: ``e`` for the weight of the embedding ``e``."""
    name = str(table.target) if table.op == "get_attr" else table.name
    return name.removesuffix("/weight") or name
