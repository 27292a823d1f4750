"""The grids of a plan's weights and activations, from what was measured."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from autosplit.graph.integers import NO_INTEGERS, Integers
from autosplit.grid.grid import LEAST_STEP, WIDTHS, ElementFormat, Grid, Unquantized
from autosplit.plan.plan import Plan
from autosplit.stats.stats import Stats

DEAD = 2.0**-12
"""Least step of a weight's channel, relative to the tensor's coarsest; the step of all zeros."""


def plan_grids(
    plan: Plan, stats: Stats, integers: Mapping[str, Integers] = NO_INTEGERS
) -> tuple[dict[str, ElementFormat], dict[str, ElementFormat]]:
    """How a plan stores its weights and activations: each at its width, as it was measured.

    Args:
        plan: A plan; a width above 8 bits leaves a tensor as floats.
        stats: With the grid of every weight and activation at its width.
        integers: Tensors that keep their values, as the network's graph has them.

    Returns:
        Layer that stores a weight -> its grid per output channel, and tensor -> its grid.
    """
    weights: dict[str, ElementFormat] = {}
    for layer, bits in plan.weight_bits.items():
        if bits > WIDTHS[-1]:
            weights[layer] = Unquantized(bits)
            continue
        grid = stats.grids[layer, "weight", bits]
        weights[layer] = Grid(bits, raise_dead(grid.scale), grid.zero_point)
    activations: dict[str, ElementFormat] = {}
    for tensor, bits in plan.activation_bits.items():
        if tensor in integers:
            activations[tensor] = integers[tensor]
            continue
        if bits > WIDTHS[-1]:
            activations[tensor] = Unquantized(bits)
            continue
        activations[tensor] = stats.grids[tensor, "activation", bits]
    return weights, activations


def raise_dead(scale: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Steps of a weight's channels, none far below the coarsest one.

    A channel of nothing but zeros has the least step there is, and its bias, counted in such steps,
    would not fit 32 bits.  A weight that rounds to zero at ``DEAD`` of the coarsest step is
    invisible beside the other channels.

    Args:
        scale: Step of each output channel, shape (C,), positive.
    """
    coarsest = float(scale.max())
    if coarsest <= LEAST_STEP:
        return np.full_like(scale, DEAD)
    return np.maximum(scale, np.float32(coarsest * DEAD))
