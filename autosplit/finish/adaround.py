"""Learn for each weight whether it is rounded up or down (AdaRound: Nagel et al. 2020).

Each weight keeps one of two neighbouring levels.  A soft choice h between them is learned by
gradient descent on the error of the layer's outputs behind its rectifier, eq. 21,

    sum |f(W x) - f(Q y)|^2 + strength sum (1 - |2 h - 1|^beta),

with h a stretched sigmoid (eq. 23) and beta falling, so that h ends at 0 or 1 (eq. 24).
Beside the paper, x is what the float layer reads and y what the quantized one does; the two levels
are the one that it began at and its neighbour on the side of the float weight; and a channel keeps
what it had where other positions say that it was better.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from autosplit.quantize.row_grids import RowGrids
from autosplit.quantize.unit_scale import exponent_of, power_of_two

STRETCH = 1.2
"""Length of the interval that the sigmoid is stretched to, about 1/2 (zeta - gamma, eq. 23)."""
WARM_UP = 0.2
"""Share of the steps without a pull to 0 or 1."""
BETAS = (20.0, 2.0)
STRENGTH = 1.0
"""Pull to 0 or 1, per weight, relative to the mean squared error at the start per output."""
RATE = 0.03
BATCH = 256
"""Positions of one step."""
HELD_OUT = 4
"""One position of so many is kept to compare what was learned with the levels before."""
_REACH = 20
"""A weight whose coarsest step is outside 2^-20..2^20 is learned in a unit near that step."""
_FAR = 2.0**60
"""Largest magnitude of a constant: its square is a number still."""


@dataclass(frozen=True)
class Example:
    """What a layer's rounding is learned from, for each of its G groups.

    Attributes:
        weight: Float weight, shape (G, C, K).
        constant: What is added to both products before the rectifier, shape (G, C).
        exact: Inputs of the float layer, shape (G, n, K).
        rough: Inputs of the quantized layer at the same positions, shape (G, n, K).
        rectified: Whether a rectifier follows.
    """

    weight: Tensor
    constant: Tensor
    exact: Tensor
    rough: Tensor
    rectified: bool

    def times(self, factor: float) -> Example:
        """The layer with a weight, and with it outputs, that is so many times as large."""
        weight, constant = self.weight * factor, (self.constant * factor).clamp_(-_FAR, _FAR)
        return replace(self, weight=weight, constant=constant)


def learn_rounding(
    example: Example, target: Tensor, grid: RowGrids, levels: Tensor, steps: int, seed: int = 0
) -> Tensor:
    """Levels of less output error than the levels so far, by gradient descent.

    Args:
        example: The layer and its inputs.
        target: Weight that the levels stand for, shape (G, C, K).
        grid: Grid of each row, shape (G, C).
        levels: Where to start, counted in steps from zero, shape (G, C, K).
        steps: Steps of gradient descent.
        seed: Seed of the choice of positions.

    Returns:
        Levels, shape (G, C, K); a row is as it was unless it is better on positions kept aside.
    """
    count = example.exact.shape[1]
    random = torch.Generator().manual_seed(seed)
    order = torch.randperm(count, generator=random)
    kept, used = order[: count // HELD_OUT], order[count // HELD_OUT :]
    if steps == 0 or not len(kept):
        return levels
    exponent = exponent_of(grid.scale)
    if abs(exponent) > _REACH:  # only then, for the pace of Adam depends on the unit a little
        unit = power_of_two(-exponent)
        example, target = example.times(unit), target * unit
        grid = grid.times(torch.full_like(grid.scale, unit))

    def activate(x: Tensor) -> Tensor:
        return x.relu() if example.rectified else x

    def behind(inputs: Tensor, weight: Tensor) -> Tensor:
        return activate(inputs @ weight.mT + example.constant[:, None])

    def want(places: Tensor) -> Tensor:
        return behind(example.exact[:, places], example.weight)

    def got(found: Tensor, places: Tensor) -> Tensor:
        return behind(example.rough[:, places], found * grid.scale[..., None])

    def error(found: Tensor, places: Tensor) -> Tensor:
        return (want(places) - got(found, places)).square().mean(1)

    places = [used[torch.randint(len(used), (BATCH,), generator=random)] for _ in range(steps)]
    learned = _descend(target, grid, levels, lambda x, p: error(x, p).mean(), places)
    better = error(learned, kept) < error(levels, kept)
    return torch.where(better[..., None], learned, levels)


def _descend(
    target: Tensor,
    grid: RowGrids,
    levels: Tensor,
    loss_of: Callable[[Tensor, Tensor], Tensor],
    places: Sequence[Tensor],
) -> Tensor:
    """Levels at the end of gradient descent, one step for each choice of positions."""
    low, high = (end[..., None] for end in grid.ends)
    rest = target / grid.scale[..., None] - levels
    other = torch.minimum(torch.maximum(levels + torch.where(rest < 0, -1.0, 1.0), low), high)
    first = rest.abs().clamp(0.02, 0.5)
    choice = torch.logit((first - 0.5) / STRETCH + 0.5).requires_grad_()
    optimizer = torch.optim.Adam([choice], lr=RATE)
    unit = float(loss_of(levels, places[0]))
    with torch.enable_grad():
        for step, chosen in enumerate(places):
            soft = ((choice.sigmoid() - 0.5) * STRETCH + 0.5).clamp(0, 1)
            loss = loss_of(levels + (other - levels) * soft, chosen)
            along = (step / len(places) - WARM_UP) / (1 - WARM_UP)
            if along > 0:
                beta = BETAS[1] + (BETAS[0] - BETAS[1]) * (1 - along)
                loss = loss + STRENGTH * unit * (1 - (2 * soft - 1).abs().pow(beta)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return torch.where(choice.detach() > 0, other, levels)
