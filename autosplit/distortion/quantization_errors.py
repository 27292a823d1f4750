"""Quantization errors of single tensors, at the grids that were measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from autosplit.capture.program import Program
from autosplit.capture.replay import ReplayedRun, Wiring
from autosplit.distortion.finished_share import Gains, coarse_of
from autosplit.quantize.affine import fake_quantize
from autosplit.quantize.unit_scale import exponent_of, squares_fit
from autosplit.stats.stats import Role, Stats, TensorAtWidth


@dataclass(frozen=True)
class QuantizationErrors:
    """Tensors after quantization one by one, and what finishing leaves of their errors.

    Attributes:
        program: The captured network.
        stats: From ``measure``.
        wiring: Wiring of the program.
        gains: What finishing leaves of the weights' errors; None: all.
    """

    program: Program
    stats: Stats
    wiring: Wiring
    gains: Gains | None

    def see(self, run: ReplayedRun) -> None:
        """Learn from a run what finishing will leave."""
        if self.gains is not None:
            self.gains.see(run)

    def left(self, key: TensorAtWidth) -> float:
        """Share of a tensor's squared error that finishing leaves."""
        return 1.0 if self.gains is None else self.gains.left(key, self.stats.weight_grids)

    def weight(self, layer: str, width: int) -> Tensor:
        """A stored weight after quantization."""
        grid = self.stats.grids[layer, "weight", width]
        return fake_quantize(self.program.weight(layer), grid, self.program.weights[layer].axis)

    def activation(self, tensor: str, width: int, value: Tensor) -> Tensor:
        """Some elements of an activation after quantization."""
        return fake_quantize(value, self.stats.grids[tensor, "activation", width])

    def wide_enough(self, tensor: str, rows: Tensor, gradients: Sequence[Tensor]) -> list[Tensor]:
        """An activation and gradients of it, in float64 where its errors times them need that."""
        found, grids = self.stats.tensors[tensor], self.stats.grids
        widths = self.widths(tensor, "activation")
        step = min(grids[tensor, "activation", width].per_tensor[0] for width in widths)
        ends = (step, max(-found.min, found.max))  # errors are of about a step, or clipped
        if squares_fit([math.frexp(end)[1] for end in ends], map(exponent_of, gradients)):
            return [rows, *gradients]
        return [value.double() for value in (rows, *gradients)]

    def coarse(self, layer: str) -> list[int]:
        """Widths at which a weight's error is carried through its layer."""
        return coarse_of(self.widths(layer, "weight"))

    def scaled(self, key: TensorAtWidth, found: Mapping[TensorAtWidth, float]) -> float:
        """Distortion of a tensor at a width; of a fine weight, scaled from a coarser width."""
        tensor, role, _ = key
        if key in found or role == "activation":
            return found.get(key, 0.0)
        known: TensorAtWidth = (tensor, role, self.coarse(tensor)[-1])
        square = self.stats.distortions[known].mse
        ratio = self.stats.distortions[key].mse / square if square else 0.0
        return found.get(known, 0.0) * ratio

    def widths(self, name: str, role: Role) -> list[int]:
        """Widths at which a tensor was measured."""
        return [b for tensor, kind, b in self.stats.distortions if (tensor, kind) == (name, role)]
