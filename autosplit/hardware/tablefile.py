"""Measured seconds as a CSV file beside a profile of model ``table``.

Schema ``device/1``: ``layer,seconds``, the same at every width.  Schema ``device/2`` also takes
``layer,weight_bits,activation_bits,seconds``, one row for each width that was measured; a layer
without a weight has ``weight_bits`` 0.  Two more columns, ``give_s,take_s``, say what it costs more
that the layer's tensor crosses: the edge's seconds to give it, the cloud's to take it; a row may
then be an input's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autosplit.errors import FileError
from autosplit.files import read_csv, read_header

ONE_HEADER = ("layer", "seconds")
"""Columns of a table whose seconds hold at every width."""
WIDTHS_HEADER = ("layer", "weight_bits", "activation_bits", "seconds")
"""Columns of a table with a row per width."""
CROSSING_HEADER = (*WIDTHS_HEADER, "give_s", "take_s")
"""The same with what it costs that a tensor crosses."""

LayerSeconds = float | Mapping[tuple[int, int], float]
"""Seconds of a layer at any width, or (weight bits, activation bits) -> seconds."""


def read_table(path: Path, *, by_width: bool) -> tuple[dict[str, Any], list[str]]:
    """Read the seconds of every layer, and list what is wrong with them.

    Args:
        path: CSV file.
        by_width: Whether a row per width is allowed, as of ``device/2``.

    Returns:
        Layer -> seconds, or -> {(weight bits, activation bits): seconds}; and the problems, one
        line each, empty if there is none.
    """
    try:
        header = read_header(path)
        widths = by_width and header in (WIDTHS_HEADER, CROSSING_HEADER)
        rows = read_csv(path, header if widths else ONE_HEADER)
    except FileError as error:
        return {}, [str(error)]
    found: dict[str, Any] = {}
    problems: list[str] = []
    for row in rows:
        layer, text = row["layer"], row["seconds"]
        try:
            seconds = float(text)
        except ValueError:
            problems.append(f"{path}: {layer}: seconds must be a number, got {text!r}")
            continue
        if not widths:
            if layer in found:
                problems.append(f"{path}: layer {layer!r} must be listed once")
            found[layer] = seconds
            continue
        bits = row["weight_bits"], row["activation_bits"]
        if not all(text.isdecimal() and len(text) < 4 for text in bits):
            problems.append(
                f"{path}: {layer}: weight_bits and activation_bits must be whole numbers, got "
                f"{bits[0]!r} and {bits[1]!r}"
            )
            continue
        measured = found.setdefault(layer, {})
        pair = int(bits[0]), int(bits[1])
        if pair in measured:
            problems.append(
                f"{path}: layer {layer!r} at {pair[0]} and {pair[1]} bits must be listed once"
            )
        measured[pair] = seconds
    return found, problems


def read_crossings(path: Path) -> dict[str, tuple[float, float]]:
    """Tensor -> seconds to give it on the edge and to take it in the cloud; empty without them.

    Args:
        path: A table that ``read_table`` takes.

    Raises:
        FileError: A value is no number of at least 0.
    """
    if read_header(path) != CROSSING_HEADER:
        return {}
    found = {}
    for row in read_csv(path, CROSSING_HEADER):
        try:
            give, take = float(row["give_s"]), float(row["take_s"])
        except ValueError:
            give = take = -1.0
        if not (0 <= give < math.inf and 0 <= take < math.inf):
            raise FileError(
                f"{path}: {row['layer']}: give_s and take_s must be finite and at least 0, got "
                f"{row['give_s']} and {row['take_s']}"
            )
        found[row["layer"]] = give, take
    return found
