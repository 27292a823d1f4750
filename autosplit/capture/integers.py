"""Tensors of integers in a program, and the values that they take.

A mask, an index or a count is no number to quantize: it keeps its values, and costs the bits that
they need.  The network says which values those are where it looks something up or compares; where
it does not, the example does, with room to spare.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx

from autosplit.capture.lookups import places_of_input
from autosplit.capture.operators import (
    arguments,
    is_call,
    is_integers,
    operator_name,
    source_line,
)
from autosplit.errors import CaptureError, DataError
from autosplit.graph.integers import MAX_INTEGER_BITS, Integers

_ROOM = 4
"""An example may show a quarter of the values that an integer takes."""


def integer_tensors(
    tensor_of: Mapping[fx.Node, str], values: Mapping[fx.Node, Any]
) -> dict[str, Integers]:
    """The values that each tensor of integers takes, by its name.

    Args:
        tensor_of: Node that writes a tensor -> the tensor's name.
        values: Node -> its value on the example.

    Raises:
        CaptureError: The example has integers of more than 32 bits.
    """
    return {
        name: _bounded(node) or _observed(node, name, values[node])
        for node, name in tensor_of.items()
        if is_integers(node)
    }


def refuse_outside(name: str, kept: Integers, low: int, high: int) -> None:
    """Refuse integers that a tensor cannot hold.

    Args:
        name: The tensor.
        kept: The values that it takes.
        low: Least integer found.
        high: Greatest integer found.

    Raises:
        DataError: Says which it takes.
    """
    if low < kept.low or high > kept.high:
        raise DataError(
            f"{name}: integers must be {kept.low}..{kept.high} of {kept.bits} bits, got "
            f"{low}..{high}; capture the network with an example that has such values"
        )


def _bounded(node: fx.Node) -> Integers | None:
    """Values of a tensor that the program itself bounds; None where it does not."""
    dtype = node.meta["val"].dtype
    if dtype == torch.bool:
        return Integers(1)
    if node.op == "placeholder":
        allowed = places_of_input(node)
        if allowed is not None:
            return Integers.between(allowed.low, allowed.high)
    places = _places(node)
    if places is not None:
        return Integers.between(0, max(places - 1, 1))
    if dtype == torch.uint8:
        return Integers(8)
    return None


def _places(node: fx.Node) -> int | None:
    """Number of places that an operator which gives indices can point to."""
    source, output = node, 0
    if is_call(node, "getitem"):
        source, output = node.args[0], node.args[1]  # type: ignore[assignment]
    name = operator_name(source)
    if name in ("argmax", "argmin", "argsort") or (name in _WITH_INDEX and output == 1):
        call = arguments(source)
        shape = call["self"].meta["val"].shape
        if name.startswith(("max_pool", "adaptive_max_pool", "fractional_max_pool")):
            dims = int(name.partition("pool")[2][0])
            return int(math.prod(shape[-dims:]))
        length = math.prod(shape) if call.get("dim") is None else shape[call["dim"]]
        return length if isinstance(length, int) else None
    return None


def _observed(node: fx.Node, name: str, value: Tensor) -> Integers:
    """Values like those of the example: one bit for 0 and 1, else 8, 16 or 32.

    Raises:
        CaptureError: There are integers of more than 32 bits.
    """
    low, high = (int(value.min()), int(value.max())) if value.numel() else (0, 1)
    if low >= 0 and high <= 1:
        return Integers(1)
    for bits in (8, 16, MAX_INTEGER_BITS):
        least = 0 if low >= 0 else -(1 << (bits - 1))
        most = least + (1 << bits) - 1
        room = 1 if bits == MAX_INTEGER_BITS else _ROOM
        if room * low >= least and room * high <= most:
            return Integers(bits, least)
    raise CaptureError(
        f"{name}{source_line(node)}: integers must fit 32 bits, got {low}..{high} on the example"
    )


_WITH_INDEX = frozenset(
    "topk sort max min kthvalue mode median max_pool1d_with_indices max_pool2d_with_indices "
    "max_pool3d_with_indices adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d "
    "fractional_max_pool2d fractional_max_pool3d cummax cummin".split()
)
"""Operators whose second output is the places of the first."""
