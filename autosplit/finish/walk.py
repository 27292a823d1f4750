"""Recover accuracy without training: finish a plan's weights and biases on calibration images.

The float network and the quantized one run side by side, operator by operator, on the same images.
At each layer with a weight, what has gone wrong so far is known: x is what the layer reads in
float, x' what it reads when everything before is quantized.  The weight's integers are chosen so
that their product with x' comes nearest to the float layer's output, and the bias takes up the
mean of what is left.  Nothing later has been decided then, so errors do not add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx

from autosplit.capture.im2col import gather, is_plain, positions_wanted
from autosplit.capture.operators import arguments, is_call, weight_argument
from autosplit.capture.program import Batches, Program
from autosplit.capture.replay import Wiring
from autosplit.errors import DataError, PlanError
from autosplit.finish.adaround import Example, learn_rounding
from autosplit.finish.effort import EFFORTS, Recovery
from autosplit.finish.round_to_output import round_to_match, toward
from autosplit.grid.grid import Grid
from autosplit.plan.planfile import PlanFile
from autosplit.progress import Advance
from autosplit.quantize.affine import fake_quantize, numbers_along, quantize_to_levels
from autosplit.quantize.row_grids import RowGrids
from autosplit.quantize.unit_scale import group_factors

_FAR = 2.0**40
"""Largest magnitude of what a layer multiplies or adds, when its quantized inputs are near one."""


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
    given = [step for batch in batches() for step in program.steps(batch)]
    if not given:
        raise DataError("calibration data: must have at least one sample, got none")
    with torch.no_grad():
        return _Walk(program, file, recovery, tell or (lambda _: None)).run(given)


@dataclass
class _Walk:
    """Both networks side by side; values are lists, one tensor per batch.

    ``shifts`` are what the biases of layers that are done got.
    """

    program: Program
    file: PlanFile
    recovery: Recovery
    tell: Advance
    exact: dict[fx.Node, list[Any]] = field(default_factory=dict)
    rough: dict[fx.Node, list[Any]] = field(default_factory=dict)
    weights: dict[str, Tensor] = field(default_factory=dict)
    codes: dict[str, Any] = field(default_factory=dict)
    biases: dict[str, Any] = field(default_factory=dict)
    grids: dict[str, Grid] = field(default_factory=dict)
    shifts: dict[str, Tensor] = field(default_factory=dict)

    @cached_property
    def wiring(self) -> Wiring:
        """Which layers read a weight."""
        return Wiring(self.program)

    @property
    def follow(self) -> bool:
        """Whether the quantized network is run too: rounding to the nearest need not know it."""
        return self.recovery.rounding != "nearest"

    def run(self, given: list[tuple[Tensor, ...]]) -> PlanFile:
        nodes = list(self.program.module.graph.nodes)
        tensor_of = {name: tensor for tensor, name in self.program.nodes.items()}
        owner_of = {ref.target: name for name, ref in self.program.weights.items()}
        last = {source: node for node in nodes for source in node.all_input_nodes}
        places = iter(range(len(nodes)))
        todo = set(self.file.weights)
        for node in nodes:
            if node.op == "output" or not todo:
                break
            if node.op == "placeholder":
                place = next(places)
                self.exact[node] = [batch[place] for batch in given]
                if self.follow:
                    self.rough[node] = list(self.exact[node])
            elif node.op == "get_attr":
                target = str(node.target)
                value = self.program.constant(target)
                self.exact[node] = [value] * len(given)
                if self.follow:
                    self.rough[node] = [self.weights.get(target, value)] * len(given)
            else:
                weight = weight_argument(node)
                owner = None if weight is None else owner_of.get(str(weight.target))
                self.exact[node] = _apply(node, self.exact, len(given))
                if owner in todo and owner is not None:
                    assert weight is not None
                    todo.discard(owner)
                    self._solve(node, weight, owner, len(given))
                    self.tell(1)
                elif self.follow:
                    self.rough[node] = _apply(node, self.rough, len(given))
                    self._shift(node, owner)
            if self.follow and node.name in tensor_of:
                self._quantize(node, tensor_of[node.name])
            for source in node.all_input_nodes:
                if last[source] is node:
                    del self.exact[source]
                    self.rough.pop(source, None)
        weights = {**self.file.weights, **self.grids}
        return replace(self.file, weights=weights, codes=self.codes, biases=self.biases)

    def _quantize(self, node: fx.Node, tensor: str) -> None:
        grid = self.file.activations.get(tensor)
        if isinstance(grid, Grid):
            self.rough[node] = [fake_quantize(x, grid) for x in self.rough[node]]

    def _solve(self, node: fx.Node, weight: fx.Node, layer: str, count: int) -> None:
        """Choose a layer's integers and bias, and run it with them."""
        stored = self.file.weights[layer]
        if not isinstance(stored, Grid):
            if self.follow:
                self.rough[node] = _apply(node, self.rough, count)
            return
        value, axis = self.program.weight(layer), self.program.weights[layer].axis
        rows = value.movedim(axis, 0)
        flat = rows.flatten(1)
        by_moment = self.follow and is_plain(node)
        if by_moment:
            levels, grid = self._round(node, layer, flat, stored)
        else:
            levels, grid = quantize_to_levels(flat, stored, 0), stored
        levels = levels.view(rows.shape).movedim(0, axis).contiguous()
        scale, zero_point = numbers_along(grid, axis, value.dim())
        self.codes[layer] = (levels + zero_point).to(torch.uint8).numpy()
        self.grids[layer] = grid
        self.weights[str(weight.target)] = levels * scale
        if self.follow:
            self.rough[weight] = [self.weights[str(weight.target)]] * count
            self.rough[node] = _apply(node, self.rough, count)
        if self.recovery.bias and self._has_own_bias(node, layer):
            self._correct(node, weight, layer, by_moment=by_moment)

    def _correct(self, node: fx.Node, weight: fx.Node, layer: str, *, by_moment: bool) -> None:
        """Move the mean error of each output channel into the bias.

        Where the weight's integers make up for the error of the inputs, of the outputs as they
        are; else of what the weight's error alone does to exact inputs, E[(W - Q) x].
        """
        axis = channels_of(node)
        if by_moment and not self._tied(layer):
            pairs = zip(self.exact[node], self.rough[node], strict=True)
            errors = [(x - y).movedim(axis, 0).flatten(1) for x, y in pairs]
            total = torch.stack([error.double().sum(1) for error in errors]).sum(0)
            shift = (total / sum(error.shape[1] for error in errors)).float()
        else:
            error = self.program.weight(layer) - self.weights[str(weight.target)]
            mean = mean_sample(self.exact[arguments(node)["input"]])
            call = {**arguments(node), "input": mean, "weight": error, "bias": None}
            output: Tensor = node.target(**call)  # type: ignore[operator]
            shift = output.movedim(axis, 0).flatten(1).mean(1)
        given = arguments(node)["bias"]
        before = 0.0 if given is None else self.program.constant(str(given.target))
        shift = torch.where((before + shift).isfinite(), shift, 0.0)  # at this width it overflows
        self.biases[layer] = (before + shift).numpy().astype(np.float32)
        self.shifts[layer] = shift
        self._shift(node, layer)

    def _shift(self, node: fx.Node, layer: str | None) -> None:
        """Add to a reader's output what its weight's bias got."""
        if layer in self.shifts:
            for y in self.rough.get(node, ()):
                y.movedim(channels_of(node), -1).add_(self.shifts[layer])

    def _tied(self, layer: str) -> bool:
        """Whether several layers read a weight: it is not bent to the inputs of the first."""
        return len(self.wiring.readers[layer]) > 1

    def _has_own_bias(self, node: fx.Node, layer: str) -> bool:
        """Whether a bias can be corrected: all readers share it, and its channels are known."""
        readers = [chain[0] for _, chain in self.wiring.readers[layer]]
        biases = {arguments(reader).get("bias") for reader in readers}
        names = {bias and str(bias.target) for bias in biases}
        return len(names) == 1 and (is_plain(node) or is_call(node, "conv1d", "conv3d"))

    def _round(self, node: fx.Node, layer: str, flat: Tensor, grid: Grid) -> tuple[Tensor, Grid]:
        """Integers of least output error; each group of a convolution is a problem of its own."""
        recovery, given = self.recovery, arguments(node)["bias"]
        bias = flat.new_zeros(len(flat))
        if given is not None:
            bias = self.program.constant(str(given.target))
        exact, rough = (x.nan_to_num() for x in self._columns(node))
        shape = len(exact), len(flat) // len(exact)
        weight, constant = flat.view(*shape, -1), bias.nan_to_num().view(shape)
        factor = group_factors(rough, exact, constant)
        exact, rough, constant = (_times(value, factor) for value in (exact, rough, constant))
        exact = toward(exact, rough, 0.0 if self._tied(layer) else recovery.propagation)
        if recovery.bias:  # it takes up the means
            mean = exact.mean(-2, keepdim=True)
            constant = constant + (mean @ weight.mT).squeeze(-2)
            exact, rough = exact.sub_(mean), rough.sub_(rough.mean(-2, keepdim=True))
        grids = RowGrids.of(grid, len(exact))
        matched = round_to_match(weight, grids, exact, rough, recovery.sweeps, recovery.together)
        levels, fitted = matched.levels, matched.grid
        if recovery.rounding == "learned":
            rectified = all(is_call(user, "relu") for user in node.users)
            example = Example(weight, constant, exact, rough, rectified)
            levels = learn_rounding(example, matched.target, fitted, levels, recovery.steps)
        fitted_grid = Grid(grid.bits, fitted.scale.flatten().numpy(), grid.zero_point)
        return levels.view_as(flat), fitted_grid

    def _columns(self, node: fx.Node) -> tuple[Tensor, Tensor]:
        """What the layer multiplies its weight by, float and quantized: (groups, n, K) each."""
        source = arguments(node)["input"]
        generator = torch.Generator().manual_seed(0)
        wanted = positions_wanted(node, self.recovery.positions)
        every = max(wanted // len(self.exact[source]), 1)
        parts = [
            gather(node, (x, y), every, generator)
            for x, y in zip(self.exact[source], self.rough[source], strict=True)
        ]
        exact, rough = zip(*parts, strict=True)
        return torch.cat(exact, dim=1), torch.cat(rough, dim=1)


def channels_of(node: fx.Node) -> int:
    """Axis of a layer's output that counts its channels."""
    return -1 if is_call(node, "linear") else 1


def mean_sample(batches: Sequence[Tensor]) -> Tensor:
    """Mean of all samples, as a batch of one: what is linear in its input is so in the mean.

    Args:
        batches: Each (n, ...), of one shape but for n.
    """
    total = torch.stack([batch.sum(0, keepdim=True).double() for batch in batches]).sum(0)
    return (total / sum(map(len, batches))).to(batches[0].dtype)


def _times(values: Tensor, factor: Tensor) -> Tensor:
    """Values of G groups, shape (G, ...), times a power of two each, far below what overflows."""
    found = values * factor.view(-1, *[1] * (values.dim() - 1))
    return found.clamp_(-_FAR, _FAR)


def _apply(node: fx.Node, values: dict[fx.Node, list[Any]], count: int) -> list[Any]:
    """An operator's value for each batch."""
    if node.op != "call_function":
        raise PlanError(f"{node.name}: must be an operator, is {node.op}")
    results = []
    for i in range(count):
        args = fx.map_arg(node.args, lambda arg: values[arg][i])  # noqa: B023
        kwargs = fx.map_arg(node.kwargs, lambda arg: values[arg][i])  # noqa: B023
        results.append(node.target(*args, **kwargs))  # type: ignore[operator]
    return results
