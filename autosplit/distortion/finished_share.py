"""How much less a layer errs once its weight's integers are chosen for its output.

Plans are finished by ``recover`` before they run: coarse weights are rounded by the second moment
of what the layer reads, and that takes most of the error of rounding to the nearest away, more
from some layers than from others.  A search that counts with the nearest would spend its bits on
weights that need none.  Here both are done to a part of each layer, some rows (output channels)
and some columns (inputs); what is left of the error on positions kept aside is the layer's gain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, fx

from autosplit.capture.im2col import gather, is_plain, positions_wanted
from autosplit.capture.operators import arguments
from autosplit.capture.program import Program
from autosplit.capture.replay import ReplayedRun, Wiring
from autosplit.grid.grid import Grid
from autosplit.quantize.moment_rounding import round_by_moment
from autosplit.quantize.row_grids import RowGrids
from autosplit.quantize.second_moment import damped_moment, output_error
from autosplit.quantize.unit_scale import exponent_of, power_of_two, unit_factors
from autosplit.stats.stats import TensorAtWidth

COARSE = 5
"""Widest weights that are tried, bits; finer ones count as those."""
ROWS = 32
"""Output channels that are tried, over all groups."""
COLUMNS = 128
"""Inputs of each that are tried."""
POSITIONS = 1024
"""Positions of a batch that are looked at."""
_LEAST, _MOST, _FAR = 1e-30, 1e30, 1e6


def coarse_of(widths: Sequence[int]) -> list[int]:
    """Those of some widths that are tried: up to ``COARSE``, and the least in any case."""
    return [width for width in widths if width <= max(COARSE, min(widths))]


@dataclass
class _Sampled:
    """What is looked at of one layer.

    Attributes:
        node: The operator that reads its weight.
        groups, rows, columns: Which are taken: of the groups, of each group's rows and columns.
        unit: What inputs are divided by, so that no product overflows or vanishes; 0 while
            nothing but zeros was seen.
        counts: Positions of two halves, one to fit and one kept aside.
        sums: Sums of each half, shape (G, K).
        products: Sums of products of each half, shape (G, K, K).
    """

    node: fx.Node
    groups: Tensor
    rows: Tensor
    columns: Tensor
    unit: float = 0.0
    counts: list[int] = field(default_factory=lambda: [0, 0])
    sums: list[Tensor] = field(default_factory=list)
    products: list[Tensor] = field(default_factory=list)

    def see(self, inputs: Tensor) -> None:
        """Count the inputs at some positions, shape (all groups, n, all columns)."""
        chosen = inputs[self.groups][:, :, self.columns].nan_to_num()
        largest = float(chosen.abs().max()) if chosen.numel() else 0.0
        self.unit = self.unit or (min(max(largest, _LEAST), _MOST) if largest else 0.0)
        chosen = (chosen / (self.unit or 1.0)).clamp(-_FAR, _FAR)
        first = sum(self.counts) % 2  # batches of one position serve both halves too
        for half in range(2):
            x = chosen[:, (half + first) % 2 :: 2].double()  # float32 would lose what is small
            if len(self.sums) == half:
                self.sums.append(x.new_zeros(len(x), x.shape[2]))
                self.products.append(x.new_zeros(len(x), x.shape[2], x.shape[2]))
            self.counts[half] += x.shape[1]
            self.sums[half] += x.sum(1)
            self.products[half] += x.mT @ x

    def moment(self, half: int) -> Tensor:
        """Second moments about the mean, shape (G, K, K), float64."""
        count = max(self.counts[half], 1)
        mean = self.sums[half] / count
        return self.products[half] / count - mean[:, :, None] * mean[:, None, :]


class Gains:
    """Gains of all layers that ``recover`` rounds by their moments."""

    def __init__(self, program: Program, wiring: Wiring, seed: int = 0) -> None:
        """Choose what is looked at of each layer."""
        self._program = program
        self._random = torch.Generator().manual_seed(seed)
        self._parts = dict(self._choose(wiring))
        self._found: dict[str, dict[int, float]] = {}

    def _choose(self, wiring: Wiring) -> Iterator[tuple[str, _Sampled]]:
        for layer in self._program.weights:
            node = wiring.readers[layer][0][1][0]
            if not is_plain(node):
                continue
            weight = arguments(node)["weight"].meta["val"]
            groups = int(arguments(node).get("groups", 1))
            rows, columns = len(weight) // groups, weight[0].numel()
            taken = self._some(groups, ROWS)
            each = self._some(rows, max(ROWS // len(taken), 1))
            yield layer, _Sampled(node, taken, each, self._some(columns, COLUMNS))

    def _some(self, count: int, most: int) -> Tensor:
        return torch.randperm(count, generator=self._random)[:most].sort().values

    def see(self, run: ReplayedRun) -> None:
        """Look at what the layers read in one run."""
        for part in self._parts.values():
            value = run.env[arguments(part.node)["input"]].detach()
            wanted = positions_wanted(part.node, POSITIONS)
            (inputs,) = gather(part.node, [value], wanted, self._random)
            part.see(inputs)

    def left(self, key: TensorAtWidth, grids: Mapping[tuple[str, int], Grid]) -> float:
        """Share of the error of nearest rounding that is left, 0..1; of an activation all of it.

        Args:
            key: Tensor, role and width.
            grids: Grid of each layer at each width.
        """
        layer, role, bits = key
        if role == "activation" or layer not in self._parts:
            return 1.0
        if layer not in self._found:
            widths = coarse_of([b for name, b in grids if name == layer])
            self._found[layer] = self._measure(layer, [grids[layer, b] for b in widths], widths)
        found = self._found[layer]
        return found[min(bits, max(found))]

    def _measure(
        self, layer: str, grids: Sequence[Grid], widths: Sequence[int]
    ) -> dict[int, float]:
        """Shares of one layer at some widths, all of them rounded at once."""
        part = self._parts[layer]
        if min(part.counts) == 0:
            return dict.fromkeys(widths, 1.0)
        weight = self._program.weight(layer)
        groups = int(arguments(part.node).get("groups", 1))
        rows = part.groups[:, None] * (len(weight) // groups) + part.rows
        taken = [each.take(rows.flatten().numpy()) for each in grids]
        grid = RowGrids.stack(taken, len(part.groups))
        flat = weight.flatten(1)[rows][..., part.columns]
        unit = power_of_two(-exponent_of(flat, grid.scale))
        flat, grid = flat * unit, grid.times(torch.full_like(grid.scale, unit))
        flat = flat.expand(len(widths), *flat.shape).contiguous()
        fit, other = part.moment(0), part.moment(1)
        each = unit_factors(fit.diagonal(dim1=1, dim2=2).amax(1))[:, None, None]
        fit, other = (fit * each).float(), (other * unit_factors(other.max())).float()
        fit = damped_moment(fit, part.counts[0]).expand(len(widths), *fit.shape).contiguous()
        levels, fitted = round_by_moment(flat, grid, fit)
        found = output_error(flat, levels * fitted.scale[..., None], other).sum((1, 2))
        nearest = output_error(flat, grid.nearest(flat) * grid.scale[..., None], other).sum((1, 2))
        shares = torch.where(nearest > 0, found / nearest, 1.0).nan_to_num(1.0).clamp(0, 1)
        return dict(zip(widths, shares.tolist(), strict=True))
