"""Grids as the numbers that a plan file holds, and back; and the text that their digest is of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autosplit.graph.integers import Integers
from autosplit.grid.grid import ElementFormat, Grid, Unquantized

Decimal = Callable[[np.float32], float]
"""How a scale becomes a number of the file: exactly (``float``), or as few digits as will do."""


def shortest(step: np.float32) -> float:
    """The number of fewest decimal digits that is this one in float32.

    >>> float(np.float32(0.1)), shortest(np.float32(0.1))
    (0.10000000149011612, 0.1)
    """
    return float(str(step))


def formats_to_dict(formats: Mapping[str, ElementFormat], decimal: Decimal) -> dict[str, Any]:
    """Element formats by name as a plan file holds them: bits, scales and zero points.

    Args:
        formats: Name -> grid; or the width of floats, which have neither scale nor zero point; or
            integers that are kept, which have no scale.
        decimal: How a scale is written.
    """
    found = {}
    for name, stored in formats.items():
        bits, scale, zero_point = _numbers(stored, decimal)
        found[name] = {"bits": bits, "scale": list(scale), "zero_point": list(zero_point)}
    return found


def format_from_dict(data: Mapping[str, Any]) -> ElementFormat:
    """The element format of one entry of a plan file, which ``grid_problems`` found nothing in."""
    if not data["scale"] and data["zero_point"]:
        return Integers(data["bits"], -data["zero_point"][0])
    if not data["scale"]:
        return Unquantized(data["bits"])
    return Grid.of(data["bits"], data["scale"], data["zero_point"])


def digest_text(formats: Mapping[str, ElementFormat], decimal: Decimal) -> str:
    """Element formats as the digest of a plan counts them.

    The text is that of the first version of plan files, so that the digests in older run folders
    still say what they said.
    """
    entries = []
    for name in sorted(formats):
        bits, scale, zero_point = _numbers(formats[name], decimal)
        entries.append(
            f"({name!r}, Quantizer(bits={bits}, scale={scale!r}, zero_point={zero_point!r}))"
        )
    return f"[{', '.join(entries)}]"


def _numbers(
    stored: ElementFormat, decimal: Decimal
) -> tuple[int, tuple[float, ...], tuple[int, ...]]:
    """Width, scales and zero points; of floats the width alone, of integers no scale."""
    if isinstance(stored, Unquantized):
        return stored.bits, (), ()
    if isinstance(stored, Integers):
        return stored.bits, (), (-stored.low,)
    return stored.bits, tuple(map(decimal, stored.scale)), tuple(map(int, stored.zero_point))
