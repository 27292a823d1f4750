"""What a layer multiplies its weight by, as rows: patches of an image, or the inputs themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, fx

from autosplit.capture.operators import arguments, is_call

POSITIONS_PER_INPUT = 8
"""Positions that a moment is taken over, for each input of a dot product."""
LEAST_POSITIONS = 512


def positions_wanted(node: fx.Node, most: int) -> int:
    """Positions that the moments of a layer's inputs are taken over: more for larger products."""
    # its shape alone: to compute with the stand-in that torch keeps of a tensor is not thread-safe
    size: int = math.prod(arguments(node)["weight"].meta["val"].shape[1:])
    return min(most, max(POSITIONS_PER_INPUT * size, LEAST_POSITIONS))


def gather(
    node: fx.Node, values: Sequence[Tensor], count: int, generator: torch.Generator
) -> list[Tensor]:
    """Inputs of the dot products of a layer, at a choice of positions, the same for all values.

    Args:
        node: A linear layer or a 2-d convolution.
        values: What it reads, each of the same shape.
        count: Positions wanted; fewer if there are fewer.
        generator: Chooses the positions.

    Returns:
        Each of shape (groups, positions, K), K in the order of the flattened weight.
    """
    call = arguments(node)
    if is_call(node, "linear"):
        rows = [x.flatten(0, -2) for x in values]
        chosen = some_places(len(rows[0]), count, generator)
        return [x[chosen].unsqueeze(0) for x in rows]
    (sh, sw), (dh, dw) = _two(call["stride"]), _two(call["dilation"])
    (ph, pw), (kh, kw) = _two(call["padding"]), call["weight"].meta["val"].shape[2:]
    n, channels, height, width = values[0].shape
    rows_out = (height + 2 * ph - dh * (kh - 1) - 1) // sh + 1
    columns_out = (width + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    place = some_places(n * rows_out * columns_out, count, generator)
    image = (place // (rows_out * columns_out)).view(-1, 1, 1)
    row = (place // columns_out % rows_out * sh).view(-1, 1, 1) + dh * torch.arange(kh).view(-1, 1)
    column = (place % columns_out * sw).view(-1, 1, 1) + dw * torch.arange(kw)
    groups = call["groups"]
    row, column = row - ph, column - pw
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    row, column = row.clamp(0, height - 1), column.clamp(0, width - 1)
    found = []
    for x in values:
        patches = x.permute(0, 2, 3, 1)[image, row, column]
        if not inside.all():  # the padding is zeros
            patches = torch.where(inside[..., None], patches, 0.0)
        grouped = patches.unflatten(3, (groups, channels // groups))
        found.append(grouped.permute(3, 0, 4, 1, 2).flatten(2))
    return found


def some_places(total: int, count: int, generator: torch.Generator) -> Tensor:
    """Choose this many of some places, ascending; all of them if there are no more."""
    if total <= count:
        return torch.arange(total)
    return torch.randperm(total, generator=generator)[:count].sort().values


def _two(value: Sequence[int] | int) -> tuple[int, int]:
    """An option of a convolution for height and width."""
    numbers = [value] if isinstance(value, int) else list(value)
    return numbers[0], numbers[-1]


def is_plain(node: fx.Node) -> bool:
    """Whether a layer is one that can be rounded by its inputs' moments."""
    if is_call(node, "conv2d"):
        return not isinstance(arguments(node)["padding"], str)
    return is_call(node, "linear")
