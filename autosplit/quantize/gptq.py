"""GPTQ: round a weight so that the layer's output changes least (Frantar et al. 2023).

A layer computes W x, rows of W being output channels.  With H = E[x x^T] the second moment of its
inputs, the squared error of the output with a rounded weight Q is tr (W - Q) H (W - Q)^T, one
problem for each row.  Rounding to the nearest is best only if H is diagonal.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from autosplit.quantize.row_grids import RowGrids

_COLUMNS_AT_ONCE = 32
"""Columns whose effect on all later columns is applied at once."""


def gptq_round(weight: Tensor, grid: RowGrids, moment: Tensor) -> Tensor:
    """Round a weight column by column; the columns that are left make up for each error.

    With U the upper triangular root of H^-1, column k is rounded to q_k, its error is

        e = (w_k - q_k) / U_kk,     and every later column j becomes w_j - e U_kj

    (GPTQ: Frantar et al. 2023, algorithm 1; the update is that of optimal brain surgery).  The
    columns are taken in descending order of H's diagonal.

    Args:
        weight: Shape (..., C, K).
        grid: Grid of each row.
        moment: H, damped, shape (..., K, K).

    Returns:
        Levels counted from zero, shape (..., C, K).
    """
    diagonal = moment.diagonal(dim1=-2, dim2=-1)
    order = diagonal.argsort(dim=-1, descending=True)
    columns = order[..., None, :].expand_as(weight)
    sorted_ = moment.gather(-2, order[..., :, None].expand_as(moment))
    sorted_ = sorted_.gather(-1, order[..., None, :].expand_as(moment))
    root = inverse_root(sorted_)
    upper = root.numpy()
    rest = weight.gather(-1, columns).mT.contiguous().numpy()  # what a step works on lies together
    levels = np.empty_like(rest)
    step, (low, high) = grid.scale.numpy(), (end.numpy() for end in grid.ends)
    for first in range(0, rest.shape[-2], _COLUMNS_AT_ONCE):
        last = min(first + _COLUMNS_AT_ONCE, rest.shape[-2])
        errors = np.empty_like(rest[..., first:last, :])
        for k in range(first, last):
            column = rest[..., k, :]
            level = np.clip(np.rint(column / step), low, high)
            error = (column - level * step) / upper[..., k, k][..., None]
            levels[..., k, :], errors[..., k - first, :] = level, error
            rest[..., k:last, :] -= upper[..., k, k:last, None] * error[..., None, :]
        after = root[..., first:last, last:].mT @ torch.from_numpy(errors)
        torch.from_numpy(rest)[..., last:, :].sub_(after)
    return torch.empty_like(weight).scatter_(-1, columns, torch.from_numpy(levels).mT)


def inverse_root(moment: Tensor) -> Tensor:
    """Upper triangular U with U^T U the inverse of a positive definite H, shape (..., K, K).

    From one Cholesky factor of H with its order reversed, J H J = L L^T: U = J L^-1 J.
    """
    lower = torch.linalg.cholesky(moment.flip(-2, -1))
    eye = torch.eye(moment.shape[-1], dtype=moment.dtype).expand_as(moment)
    inverse = torch.linalg.solve_triangular(lower, eye, upper=False)
    found: Tensor = inverse.flip(-2, -1).contiguous()
    return found
