"""Solve the program of one cut with HiGHS: scaling, choices ruled out, and what its status means.

HiGHS solves to a relative gap of 0 within its tolerances, 1e-6 on rows that are scaled to about
1000, or stops after ``NODES`` with a bound.  Coefficients of 1e20 and more are infinite to it, so
choices that are ruled out are no columns of its program, and do not set the scale either.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array, csr_array

from autosplit.search.arrays import Booleans, Floats, Indices
from autosplit.search.questions.milp import Inequality, MilpModel
from autosplit.search.widths.pool import Picked

NODES = 500
"""Nodes that HiGHS may branch on for one cut; more rarely close what is left."""
_SCALE = 1e3
INFEASIBLE = 2
"""The status of scipy's ``milp`` that says so; any other without a solution proves nothing."""


@dataclass(frozen=True)
class MilpSolution:
    """What HiGHS found.

    Attributes:
        picked: The choice; None without one.
        lower: No choice that is not ruled out has less of the objective, as far as it is below the
            known value; ``known`` itself if there is none below it.
    """

    picked: Picked | None
    lower: float


def solve_milp(
    model: MilpModel,
    objective: Mapping[int, float],
    rows: Sequence[Inequality],
    known: float,
    banned: Booleans,
) -> MilpSolution:
    """Minimise an objective under the model's constraints and more.

    Args:
        model: Model of one cut.
        objective: Coefficients by variable, at least 0.
        rows: Further constraints.
        known: Nothing of at least this value is wanted; at least 0.
        banned: Whether each choice is ruled out, shape (choices,).

    Returns:
        What was found, unchecked against rounding, and a bound of everything.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415 - slow to import

    left = ~banned.reshape(-1, model.widths)
    if not left.any(axis=1).all():
        return MilpSolution(None, known)
    kept = np.flatnonzero(np.append(~banned, np.ones(model.count - model.choices, dtype=np.bool_)))
    every = [*model.rows, *rows]
    if np.isfinite(known):
        every.append((objective, known))
    matrix, most = matrix_of(every, model.count)
    matrix = matrix[:, kept]
    unit = units_of(matrix, most, len(kept) - model.count + model.choices)
    matrix, most = scaled_rows(matrix, most, unit)
    one_each = _one_each(np.flatnonzero(~banned) // model.widths, (len(left), len(kept)))
    value = np.zeros(model.count)
    value[list(objective)] = list(objective.values())
    value = value[kept] * unit
    size = known if np.isfinite(known) and known > 0 else float(value.max(initial=0.0))
    scale = _SCALE / size if size > 0 else 1.0
    whole = kept < model.choices
    with silenced():
        result = milp(
            scale * value,
            integrality=whole.astype(np.int64),
            bounds=Bounds(np.zeros(len(kept)), np.where(whole, 1.0, np.inf)),
            constraints=[
                LinearConstraint(one_each, 1, 1),
                LinearConstraint(matrix, -np.inf, most),
            ],
            options={"mip_rel_gap": 0, "node_limit": NODES},
        )
    if result.status == INFEASIBLE:
        return MilpSolution(None, known)
    bound = result.mip_dual_bound
    lower = 0.0 if bound is None else max(0.0, min(known, float(bound) / scale))
    if result.x is None:
        return MilpSolution(None, lower)
    values = np.zeros(model.count)
    values[kept] = result.x
    chosen = np.where(left, values[: model.choices].reshape(left.shape), -1.0).argmax(axis=1)
    return MilpSolution(model.picked(chosen), lower)


def _one_each(tensor: Indices, shape: tuple[int, int]) -> csr_array[np.float64, tuple[int, int]]:
    """Rows that say that each tensor has one of its choices.

    Args:
        tensor: Index of the tensor of each choice that is not ruled out, shape (columns,).
        shape: Number of tensors, and of variables, of which the choices come first.
    """
    places = (tensor, np.arange(len(tensor)))
    return coo_array((np.ones(len(tensor)), places), shape=shape).tocsr()


def matrix_of(
    rows: Sequence[Inequality], count: int
) -> tuple[csr_array[np.float64, tuple[int, int]], Floats]:
    """Coefficients and right-hand sides of some rows."""
    places = [
        (row, place, value)
        for row, (terms, _) in enumerate(rows)
        for place, value in terms.items()
        if value
    ]
    row, place, value = zip(*places, strict=True)
    matrix = coo_array((value, (row, place)), shape=(len(rows), count)).tocsr()
    return matrix, np.array([most for _, most in rows])


def units_of(matrix: csr_array[np.float64, tuple[int, int]], most: Floats, choices: int) -> Floats:
    """Units of the columns, so that what is not 0 or 1 has values of about that size too.

    A variable such as a layer's seconds stands with a negative coefficient in the rows that say
    what it is at least; the largest other number of these rows is what it can come to.
    """
    unit = np.ones(matrix.shape[1])
    entries = matrix.tocoo()
    defining = (entries.data < 0) & (entries.col >= choices)
    largest = np.abs(most)
    for_others = (entries.col < choices) | (entries.data > 0)
    np.maximum.at(largest, entries.row[for_others], np.abs(entries.data[for_others]))
    reach = np.zeros(matrix.shape[1])
    ratio = largest[entries.row[defining]] / np.abs(entries.data[defining])
    np.maximum.at(reach, entries.col[defining], ratio)
    unit[reach > 0] = reach[reach > 0]
    return unit


def scaled_rows(
    matrix: csr_array[np.float64, tuple[int, int]], most: Floats, unit: Floats
) -> tuple[csr_array[np.float64, tuple[int, int]], Floats]:
    """Columns in their units, and rows brought to a largest number of ``_SCALE``."""
    entries = matrix.tocoo()
    values = entries.data * unit[entries.col]
    largest = np.abs(most)
    np.maximum.at(largest, entries.row, np.abs(values))
    scale = _SCALE / np.where(largest > 0, largest, 1.0)
    scaled = coo_array(
        (values * scale[entries.row], (entries.row, entries.col)), shape=matrix.shape
    )
    return scaled.tocsr(), most * scale


@contextmanager
def silenced() -> Iterator[None]:
    """Keep what HiGHS writes to the process's stdout, whatever it is asked, away from results."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), 1)
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
