"""Small tables of text, aligned for a terminal or a log, and the same for a notebook."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from itertools import zip_longest

TERMINAL_WIDTH = 80
"""Characters of a line that every terminal has."""
COLUMN_GAP = "  "
LEAST = 8
"""Characters of a column that is not made any narrower."""

Cells = Sequence[str]
"""Cells of one line of a table; the first one is its label."""


def aligned(header: Cells, rows: Sequence[Cells], width: int = TERMINAL_WIDTH) -> str:
    """Lay a table out: labels to the left, the other cells to the right of their columns.

    A cell that is too long for its column goes on in the next line.

    Args:
        header: Titles of the columns.
        rows: Lines of the table, each with as many cells as the header.
        width: Characters of a line at most, if the columns can be made narrow enough at all.

    >>> print(aligned(["", "pick"], [["total, ms", "0.96"], ["cut", "none"]]))
               pick
    total, ms  0.96
    cut        none
    """
    columns = list(zip(header, *rows, strict=True))
    sizes = [max(map(len, cells)) for cells in columns]
    room = _room(sizes, width)
    folded = [[row[:1], *(_fold(cell, room) for cell in row[1:])] for row in (header, *rows)]
    sizes = [
        max(len(part) for cell in cells for part in cell) for cells in zip(*folded, strict=True)
    ]
    lines = []
    for row in folded:
        for parts in zip_longest(*row, fillvalue=""):
            label, *others = map(str.rjust, parts, sizes)
            lines.append(COLUMN_GAP.join([parts[0].ljust(len(label)), *others]).rstrip())
    return "\n".join(lines)


def html(header: Cells, rows: Sequence[Cells]) -> str:
    """The same table as HTML, with numbers to the right."""
    style = ' style="text-align: right"'
    lines = [f"<tr>{''.join(f'<th{style}>{escape(cell)}</th>' for cell in header)}</tr>"]
    for label, *cells in rows:
        columns = "".join(f"<td{style}>{escape(cell)}</td>" for cell in cells)
        lines.append(f'<tr><th style="text-align: left">{escape(label)}</th>{columns}</tr>')
    return f"<table>{''.join(lines)}</table>"


def _room(sizes: Sequence[int], width: int) -> int:
    """Characters of the widest column, such that all columns fit into a line."""
    room = max(sizes)
    while (
        room > LEAST and sizes[0] + sum(min(n, room) + len(COLUMN_GAP) for n in sizes[1:]) > width
    ):
        room -= 1
    return room


def _fold(cell: str, room: int) -> list[str]:
    """A cell in lines of at most ``room`` characters, broken behind a separator if there is one."""
    lines = [""]
    for word in re.findall(r"[^+. /]*[+. /]?", cell):
        if lines[-1] and len(lines[-1]) + len(word.rstrip()) > room:
            lines.append("")
        lines[-1] += word
        while len(lines[-1].rstrip()) > room:
            lines[-1:] = [lines[-1][:room], lines[-1][room:]]
    return [line.rstrip() for line in lines]
