"""The integer grids of a plan's weights and activations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autosplit.grid.grid import LEAST_STEP, WIDTHS, grid_from_range
from autosplit.plan.plan import Plan
from autosplit.stats.stats import Stats

DEAD = 2.0**-12
"""Least step of a weight's channel, relative to the tensor's coarsest; the step of all zeros."""


@dataclass(frozen=True, slots=True)
class Quantizer:
    """Integers of one tensor: q = clamp(round(x / scale) + zero_point, 0, 2^bits - 1).

    Round is half to even; x is read back as (q - zero_point) * scale (Jacob et al. 2018, eq. 1).

    Attributes:
        bits: Width of an integer.
        scale: Step between neighbouring integers: one number, or one per output channel.
        zero_point: Integer that stands for zero, as many as there are scales; none of either: the
            tensor stays a float of this width.
    """

    bits: int
    scale: tuple[float, ...]
    zero_point: tuple[int, ...]


def quantizers(plan: Plan, stats: Stats) -> tuple[dict[str, Quantizer], dict[str, Quantizer]]:
    """The integers of a plan's weights and activations, from the clipping found when measured."""
    weights = {}
    for layer, bits in plan.weight_bits.items():
        if bits > WIDTHS[-1]:
            weights[layer] = Quantizer(bits, (), ())
            continue
        grid = stats.grids[layer, bits]
        # the shortest text that gives the same float32
        scale = tuple(float(str(step)) for step in raise_dead(grid.scale))
        weights[layer] = Quantizer(bits, scale, tuple(map(int, grid.zero_point)))
    activations = {}
    for tensor, bits in plan.activation_bits.items():
        if bits > WIDTHS[-1]:
            activations[tensor] = Quantizer(bits, (), ())
            continue
        clip = stats.distortions[tensor, "activation", bits]
        step, zero_point = grid_from_range(clip.clip_low, clip.clip_high, bits)
        activations[tensor] = Quantizer(bits, (step,), (zero_point,))
    return weights, activations


def raise_dead(scale: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Steps of a weight's channels, none far below the coarsest one.

    A channel of nothing but zeros has the least step there is, and its bias, counted in such steps,
    would not fit 32 bits.  A weight that rounds to zero at ``DEAD`` of the coarsest step is
    invisible beside the other channels.
    """
    coarsest = float(scale.max())
    if coarsest <= LEAST_STEP:
        return np.full_like(scale, DEAD)
    return np.maximum(scale, np.float32(coarsest * DEAD))
