"""Round the weight of one layer for its output, from what the layer reads in both networks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, fx

from autosplit.capture.im2col import gather, positions_wanted
from autosplit.capture.operators import is_call
from autosplit.finish.adaround import Example, learn_rounding
from autosplit.finish.effort import Recovery
from autosplit.finish.qep import round_to_match, toward
from autosplit.grid.grid import Grid
from autosplit.quantize.row_grids import RowGrids
from autosplit.quantize.unit_scale import group_factors

_FAR = 2.0**40
"""Largest magnitude of what a layer multiplies or adds, when its quantized inputs are near one."""


def round_layer(
    node: fx.Node,
    weight: Tensor,
    bias: Tensor,
    grid: Grid,
    inputs: tuple[Tensor, Tensor],
    recovery: Recovery,
) -> tuple[Tensor, Grid]:
    """Integers of least output error; each group of a convolution is a problem of its own.

    Args:
        node: Operator of the layer: linear, or a 2-d convolution.
        weight: Float weight, shape (C, K).
        bias: Float bias, shape (C,).
        grid: Grid of the weight.
        inputs: What the weight is multiplied by in the float and in the quantized network, from
            ``layer_inputs``, shape (G, n, K) each.
        recovery: Which steps.

    Returns:
        Levels, counted in steps from zero, shape (C, K), and the grid with fitted scales.
    """
    exact, rough = (x.nan_to_num() for x in inputs)
    shape = len(exact), len(weight) // len(exact)
    rows, constant = weight.view(*shape, -1), bias.nan_to_num().view(shape)
    factor = group_factors(rough, exact, constant)
    exact, rough, constant = (_times(value, factor) for value in (exact, rough, constant))
    exact = toward(exact, rough, recovery.propagation)
    if recovery.bias:  # it takes up the means
        mean = exact.mean(-2, keepdim=True)
        constant = constant + (mean @ rows.mT).squeeze(-2)
        exact, rough = exact.sub_(mean), rough.sub_(rough.mean(-2, keepdim=True))
    grids = RowGrids.of(grid, len(exact))
    matched = round_to_match(rows, grids, exact, rough, recovery.sweeps, recovery.together)
    levels, fitted = matched.levels, matched.grid
    if recovery.rounding == "learned":
        rectified = all(is_call(user, "relu") for user in node.users)
        example = Example(rows, constant, exact, rough, rectified)
        levels = learn_rounding(example, matched.target, fitted, levels, recovery.steps)
    fitted_grid = Grid(grid.bits, fitted.scale.flatten().numpy(), grid.zero_point)
    return levels.view_as(weight), fitted_grid


def layer_inputs(
    node: fx.Node, exact: Sequence[Tensor], rough: Sequence[Tensor], positions: int
) -> tuple[Tensor, Tensor]:
    """What a layer multiplies its weight by in both networks, shape (groups, n, K) each.

    Args:
        node: Operator of the layer.
        exact: Inputs of the layer in the float network, one tensor for each batch.
        rough: Inputs of the layer in the quantized network.
        positions: Most positions that are taken, of all batches together.
    """
    generator = torch.Generator().manual_seed(0)
    every = max(positions_wanted(node, positions) // len(exact), 1)
    parts = [gather(node, pair, every, generator) for pair in zip(exact, rough, strict=True)]
    of_float, of_quantized = zip(*parts, strict=True)
    return torch.cat(of_float, dim=1), torch.cat(of_quantized, dim=1)


def _times(values: Tensor, factor: Tensor) -> Tensor:
    """Values of G groups, shape (G, ...), times a power of two each, far below what overflows."""
    found = values * factor.view(-1, *[1] * (values.dim() - 1))
    return found.clamp_(-_FAR, _FAR)
