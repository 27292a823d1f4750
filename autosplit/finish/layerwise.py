"""Recover accuracy without training: finish a plan's weights and biases on calibration images.

The float network and the quantized one run side by side, operator by operator, on the same images.
At each layer with a weight, what has gone wrong so far is known: x is what the layer reads in
float, x' what it reads when everything before is quantized.  The weight's integers are chosen so
that their product with x' comes nearest to the float layer's output, and the bias takes up the
mean of what is left.  Nothing later has been decided then, so errors do not add up.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx

from autosplit.capture.im2col import is_plain
from autosplit.capture.operators import arguments, weight_argument
from autosplit.capture.program import Batches, Program
from autosplit.capture.replay import Wiring
from autosplit.errors import DataError
from autosplit.finish.bias_correction import (
    can_be_corrected,
    channels_of,
    mean_output_error,
    mean_weight_error,
)
from autosplit.finish.effort import EFFORTS, Recovery
from autosplit.finish.layer_rounding import layer_inputs, round_layer
from autosplit.finish.side_by_side import SideBySide
from autosplit.grid.grid import Grid
from autosplit.plan.planfile import PlanFile
from autosplit.progress import Advance
from autosplit.quantize.affine import numbers_along, quantize_to_levels


def recover(
    program: Program,
    file: PlanFile,
    batches: Batches,
    recovery: Recovery,
    tell: Advance | None = None,
) -> PlanFile:
    """Finish a plan: choose the integers of its weights and correct its biases.

    Args:
        program: The captured network.
        file: The plan, with its grids.
        batches: Calibration samples; every live tensor of all of them is kept, twice.
        recovery: Which steps.
        tell: Told of each finished layer.

    Returns:
        The plan with ``codes`` and ``biases`` and the scales that go with them.

    Raises:
        DataError: There is no sample, or what a layer reads is not finite.
    """
    if not file.weights or recovery == EFFORTS["none"]:
        return file
    inputs = [step for batch in batches() for step in program.steps(batch)]
    if not inputs:
        raise DataError("calibration data: must have at least one sample, got none")
    # rounding to the nearest need not know what the quantized network reads
    both = SideBySide(program, file.activations, inputs, recovery.rounding != "nearest")
    with torch.no_grad():
        return _Walk(both, file, recovery).run(tell or (lambda _: None))


@dataclass
class _Walk:
    """The weights and biases that are finished so far.

    Attributes:
        both: Both networks.
        file: The plan.
        recovery: Which steps.
        codes, biases, grids: What is finished, by layer.
        shifts: What was added to the bias of a layer.
    """

    both: SideBySide
    file: PlanFile
    recovery: Recovery
    codes: dict[str, Any] = field(default_factory=dict)
    biases: dict[str, Any] = field(default_factory=dict)
    grids: dict[str, Grid] = field(default_factory=dict)
    shifts: dict[str, Tensor] = field(default_factory=dict)

    @cached_property
    def _wiring(self) -> Wiring:
        """Which layers read a weight."""
        return Wiring(self.both.program)

    def run(self, tell: Advance) -> PlanFile:
        """Finish every layer in the order of the operators."""
        owner_of = {ref.target: name for name, ref in self.both.program.weights.items()}
        todo = set(self.file.weights)
        for node in self.both.operators():
            weight = weight_argument(node)
            owner = None if weight is None else owner_of.get(str(weight.target))
            if weight is not None and owner is not None and owner in todo:
                todo.discard(owner)
                self._finish(node, weight, owner)
                tell(1)
                if not todo:
                    break
            else:
                self.both.run_rough(node)
                self._shift(node, owner)
        weights = {**self.file.weights, **self.grids}
        return replace(self.file, weights=weights, codes=self.codes, biases=self.biases)

    def _finish(self, node: fx.Node, weight: fx.Node, layer: str) -> None:
        """Choose a layer's integers and bias, and run it with them."""
        grid, program = self.file.weights[layer], self.both.program
        if not isinstance(grid, Grid):
            self.both.run_rough(node)
            return
        value, axis = program.weight(layer), program.weights[layer].axis
        rows = value.movedim(axis, 0)
        by_moment = self.both.follow and is_plain(node)
        round_rows = self._round if by_moment else _round_to_nearest
        levels, self.grids[layer] = round_rows(node, layer, rows.flatten(1), grid)
        levels = levels.view(rows.shape).movedim(0, axis).contiguous()
        scale, zero_point = numbers_along(self.grids[layer], axis, value.dim())
        self.codes[layer] = (levels + zero_point).to(torch.uint8).numpy()
        self.both.put_weight(weight, levels * scale)
        self.both.run_rough(node)
        readers = [chain[0] for _, chain in self._wiring.readers[layer]]
        if self.recovery.bias and can_be_corrected(node, readers):
            # integers that make up for the inputs' error leave the outputs as they are to correct
            self._correct(node, layer, of_output=by_moment and not self._tied(layer))

    def _round(self, node: fx.Node, layer: str, rows: Tensor, grid: Grid) -> tuple[Tensor, Grid]:
        """Integers of least output error, and the grid with its fitted scales."""
        call, both = arguments(node), self.both
        bias = call["bias"]
        constant = rows.new_zeros(len(rows))
        if bias is not None:
            constant = both.program.constant(str(bias.target))
        reads = both.exact[call["input"]], both.rough[call["input"]]
        inputs = layer_inputs(node, *reads, self.recovery.positions)
        recovery = self.recovery
        if self._tied(layer):  # it is not bent to the inputs of the first reader
            recovery = replace(recovery, propagation=0.0)
        return round_layer(node, rows, constant, grid, inputs, recovery)

    def _correct(self, node: fx.Node, layer: str, *, of_output: bool) -> None:
        """Move the mean error of each output channel into the bias.

        Args:
            node: Operator of the layer.
            layer: Name of the layer.
            of_output: Whether it is the error of the layer's outputs in the quantized network, and
                not of what the weight's error alone does to exact inputs.
        """
        both, call = self.both, arguments(node)
        if of_output:
            shift = mean_output_error(node, both.exact[node], both.rough[node])
        else:
            error = both.program.weight(layer) - both.weights[both.program.weights[layer].target]
            shift = mean_weight_error(node, error, both.exact[call["input"]])
        bias = call["bias"]
        before = 0.0 if bias is None else both.program.constant(str(bias.target))
        shift = torch.where((before + shift).isfinite(), shift, 0.0)  # at this width it overflows
        self.biases[layer] = (before + shift).numpy().astype(np.float32)
        self.shifts[layer] = shift
        self._shift(node, layer)

    def _shift(self, node: fx.Node, layer: str | None) -> None:
        """Add to a reader's output what its weight's bias got."""
        if layer in self.shifts:
            for y in self.both.rough.get(node, ()):
                y.movedim(channels_of(node), -1).add_(self.shifts[layer])

    def _tied(self, layer: str) -> bool:
        """Whether several layers read a weight."""
        return len(self._wiring.readers[layer]) > 1


def _round_to_nearest(_node: fx.Node, _layer: str, rows: Tensor, grid: Grid) -> tuple[Tensor, Grid]:
    return quantize_to_levels(rows, grid, 0), grid
