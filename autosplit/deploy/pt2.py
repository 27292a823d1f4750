"""Both halves of a plan as programs of ``torch.export`` (``.pt2``), for devices that run torch.

The edge half is the integer reference itself: the same kernels on whole numbers in float32, without
the blocks into which ``halves/integer_kernels.py`` cuts tensors for the cache, whose number depends
on the batch.  The programs hold operators of torch alone, so that they run without autosplit.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from autosplit.capture.program import Program
from autosplit.deploy.cloud_onnx import cloud_module
from autosplit.deploy.edge_module import EdgeModule, example_samples
from autosplit.deploy.quantize_operators import byte_fields
from autosplit.errors import ModelError
from autosplit.grid.grid import Grid, steps_of
from autosplit.halves import integer_kernels as kernels
from autosplit.halves.lowering import lower
from autosplit.halves.partition import Half
from autosplit.halves.quantized import check_plan, integer_weights, marked_half
from autosplit.plan.planfile import PlanFile
from autosplit.plan.wire_layout import wire_layout


def edge_pt2(program: Program, file: PlanFile) -> ExportedProgram:
    """The edge half of a plan on whole numbers.

    Args:
        program: The captured network.
        file: The plan with its grids.

    Returns:
        A program that takes the network's inputs, each (batch, ...), and gives a tuple in the order
        of the half's ``writes``: the integers of the crossing tensors, and the edge's answers.

    Raises:
        PlanError: The plan is for a network with other layers, or was finished for one with other
            weights.
        ModelError: torch.export cannot trace the half.
    """
    cut = check_plan(program, file)
    marked = marked_half(program, file, cut)
    example = example_samples(program, marked)
    half = lower(marked, integer_weights(program, file, cut))
    for node in half.operators.nodes:
        if node.op == "call_function":
            node.target = in_plain_operators(node.target)
    sent = wire_layout(cut, file.activations)
    formats = {name: file.activations[name] for name in sent.names}
    module = _IntegerEdge(program, half, formats, _Interpreted(half))
    axes = [None if program.layouts[name].axis is None else 0 for name in half.reads]
    return _exported(module, example, axes)


def cloud_pt2(program: Program, file: PlanFile) -> ExportedProgram:
    """The cloud half of a plan in float32; takes what the ONNX form takes.

    Takes and raises what ``edge_pt2`` does.
    """
    module, example = cloud_module(program, file, byte_fields)
    return _exported(module, example, [0] * len(example))


def pt2_bytes(exported: ExportedProgram) -> bytes:
    """A program as the bytes of its file."""
    file = io.BytesIO()
    torch.export.save(exported, file)
    return file.getvalue()


class _Interpreted(nn.Module):
    """A half whose operators may be Python's; a module of its own, since they have no source."""

    def __init__(self, half: Half) -> None:
        super().__init__()
        self.side = half

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """What the half writes."""
        return tuple(self.side(dict(zip(self.side.reads, tensors, strict=True))).values())


class _IntegerEdge(EdgeModule):
    """A half whose crossing tensors are given as their integers."""

    def _samples(self, name: str, value: Tensor, batch: int) -> Tensor:
        kept = self.sent[name]
        if isinstance(kept, Grid):
            scale, zero = kept.per_tensor
            codes = torch.div(value, scale).round().add(zero).clamp(0, steps_of(kept.bits))
            value = codes.to(torch.uint8 if kept.bits <= 8 else torch.int32)
        return super()._samples(name, value, batch)


def _exported(
    module: nn.Module, example: Sequence[Tensor], axes: Sequence[int | None]
) -> ExportedProgram:
    dynamic = [{} if axis is None else {axis: torch.export.Dim.DYNAMIC} for axis in axes]
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            return torch.export.export(
                module.eval(), tuple(example), dynamic_shapes=(tuple(dynamic),), strict=False
            )
    except Exception as error:  # what it raises is of many kinds
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"export: torch.export must trace the half, {first}") from error


def in_plain_operators(target: Any) -> Any:
    """A kernel of the integer half without blocks; another operator is left as it is."""
    if isinstance(target, kernels.AccumulatedSum):
        return partial(_accumulated_sum, target)
    return _PLAIN.get(target, target)


def _to_levels(x: Tensor, step: float, low: int, high: int) -> Tensor:
    return torch.div(x, step).round().clamp(low, high)


def _requantize(x: Tensor, factor: Tensor, low: int, high: int, axis: int) -> Tensor:
    return kernels.times_channels(x, factor, axis).round().clamp(low, high)


def _requantize_sum(
    x: Tensor, y: Tensor, x_factor: float, y_factor: float, low: int, high: int
) -> Tensor:
    return (x * x_factor + y * y_factor).round().clamp(low, high)


def _accumulated_sum(one: kernels.AccumulatedSum, x: Tensor, y: Tensor) -> Tensor:
    levels = _requantize(x, one.factor, one.low, one.high, one.axis)
    return _requantize_sum(levels, y, *one.factors, *one.kept)


_PLAIN: Mapping[Any, Callable[..., Tensor]] = {
    kernels.to_levels_: _to_levels,
    kernels.requantize_: _requantize,
    kernels.requantize_sum: _requantize_sum,
}
