"""Operators that stand for quantization in a graph, and what each becomes in ONNX.

    autosplit::on_grid(x, scale, zero, low, high, bits)
        QuantizeLinear, Clip to low..high where that is less than the type holds, DequantizeLinear
    autosplit::stored(codes, scale, zero, axis)
        DequantizeLinear of a stored weight or bias
    autosplit::fields(data, bits)
        BitShift and BitwiseAnd of bytes
    autosplit::layer_end(x, place)
        Mod, a mark of the layer that wrote x, which ``node_layers`` takes out again

A runtime fuses a convolution between these into one on integers (QLinearConv).  A clamp before
``on_grid`` is moved into its ends, for integers are clamped exactly, and a Clip between a
convolution and QuantizeLinear would keep the two from being fused.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.library import custom_op

OPSET = 21
"""Version of ONNX's operators; the first with integers of 16 bits in QuantizeLinear."""


@custom_op("autosplit::on_grid", mutates_args=())
def on_grid(
    x: Tensor,
    scale: float,
    zero: int,
    low: int,
    high: int,
    bits: int,  # noqa: ARG001
) -> Tensor:
    """Values moved to the nearest of a grid's.

    Args:
        x: Values, any shape, float32.
        scale: Step.
        zero: Integer that stands for zero, 0..2^bits - 1.
        low: Least integer.
        high: Greatest integer.
        bits: Width, 1..16, which says how the integers are held.

    Returns:
        (clamp(round(x / scale) + zero, low, high) - zero) * scale.
    """
    levels = torch.div(x, scale).round_().clamp_(low - zero, high - zero)
    return levels.mul_(scale)


@on_grid.register_fake
def _(x: Tensor, *_numbers: Any) -> Tensor:
    return torch.empty_like(x)


@custom_op("autosplit::stored", mutates_args=())
def stored(codes: Tensor, scale: Tensor, zero: Tensor, axis: int) -> Tensor:
    """A weight or bias from its integers.

    Args:
        codes: Integers, any shape.
        scale: Step of each of the C channels, shape (C,), float32.
        zero: Integer that stands for zero of each, shape (C,), of the type of ``codes``.
        axis: Axis of the channels.

    Returns:
        (codes - zero) * scale, float32.
    """
    shape = [1] * codes.dim()
    shape[axis] = -1
    return (codes.float() - zero.float().view(shape)) * scale.view(shape)


@stored.register_fake
def _(codes: Tensor, *_numbers: Any) -> Tensor:
    return torch.empty(codes.shape, dtype=torch.float32, device=codes.device)


def byte_fields(data: Tensor, bits: int) -> Tensor:
    """The fields of every byte, its lowest bits first.

    Args:
        data: Bytes, any shape, uint8.
        bits: Width of a field: 1, 2 or 4.

    Returns:
        uint8, of the shape of ``data`` and one more axis of 8 / ``bits``.
    """
    shifts = torch.arange(0, 8, bits, dtype=torch.uint8)
    return (data.unsqueeze(-1) >> shifts) & ((1 << bits) - 1)


@custom_op("autosplit::fields", mutates_args=())
def fields(data: Tensor, bits: int) -> Tensor:
    """``byte_fields`` as one operator."""
    return byte_fields(data, bits)


@fields.register_fake
def _(data: Tensor, bits: int) -> Tensor:
    return data.new_empty((*data.shape, 8 // bits))


@custom_op("autosplit::layer_end", mutates_args=())
def layer_end(x: Tensor, place: int) -> Tensor:  # noqa: ARG001
    """The same values, marked as those of a layer.

    Args:
        x: Values, any shape, floating.
        place: Place of the layer's tensor in some list.
    """
    return x.clone()


@layer_end.register_fake
def _(x: Tensor, *_numbers: Any) -> Tensor:
    return torch.empty_like(x)


@cache
def onnx_translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """What ``torch.onnx.export`` takes as ``custom_translation_table``."""
    from onnx import TensorProto, helper
    from onnxscript import opset21 as op

    def constant(kind: int, value: float) -> Any:
        return op.Constant(value=helper.make_tensor("value", kind, [], [value]))

    def to_grid(x: Any, scale: float, zero: int, low: int, high: int, bits: int) -> Any:
        kind = TensorProto.UINT8 if bits <= 8 else TensorProto.UINT16
        step, middle = constant(TensorProto.FLOAT, scale), constant(kind, zero)
        integers = op.QuantizeLinear(x, step, middle)
        if (low, high) != (0, 255 if bits <= 8 else 65_535):
            integers = op.Clip(integers, constant(kind, low), constant(kind, high))
        return op.DequantizeLinear(integers, step, middle)

    def from_store(codes: Any, scale: Any, zero: Any, axis: int) -> Any:
        return op.DequantizeLinear(codes, scale, zero, axis=axis)

    def to_fields(data: Any, bits: int) -> Any:
        shifts = helper.make_tensor("shifts", TensorProto.UINT8, [8 // bits], [*range(0, 8, bits)])
        last: Any = op.Constant(value_ints=[-1])
        wide = op.BitShift(op.Unsqueeze(data, last), op.Constant(value=shifts), direction="RIGHT")
        return op.BitwiseAnd(wide, constant(TensorProto.UINT8, (1 << bits) - 1))

    def to_mark(x: Any, place: int) -> Any:
        return op.Mod(x, constant(TensorProto.FLOAT, place + 0.5), fmod=1)

    return {
        torch.ops.autosplit.fields.default: to_fields,
        torch.ops.autosplit.layer_end.default: to_mark,
        torch.ops.autosplit.on_grid.default: to_grid,
        torch.ops.autosplit.stored.default: from_store,
    }
