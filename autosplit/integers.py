"""Run a quantized half on its integers, so that a machine with integers alone gives the same bits.

What is computed, for a convolution or linear layer with input levels x (integer - zero point),
weight levels w and bias b:

    accumulator = sum of x w + round(b / (s_x s_w)), in 32 bits
    output      = clamp(round(float32(accumulator) * m), -z_y, 2^bits - 1 - z_y) + z_y

with m = s_x s_w / s_y, rounded once to float32; round is half to even.  An addition is
round(x_1 m_1 + x_2 m_2) with m_i = s_i / s_y, each operation rounded to float32.  A rectifier
raises the lower end of the clamp to zero; max pooling and moving elements take the integers as
they are, and then round(x m) with m = s_x / s_y.
Every other operator computes on the float32 values x s_x, and its result is divided by s_y,
rounded and clamped.

The integers are held in float32 tensors, whose sums are exact up to 2^24.  Where a sum could pass
that, the input channels are summed in parts, and the parts in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from operator import mul
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx

from autosplit.fakequant import BLOCK, fake_quantize_, flat_view
from autosplit.operators import (
    arguments,
    holds_tensor,
    is_call,
    is_movement,
    operator_name,
    weight_argument,
)
from autosplit.partition import Half

EXACT = 2**24
"""Integers up to this magnitude are exact in float32, and so are sums that stay below."""
_INT32 = 2**31 - 1
_CONVOLUTIONS = ("conv1d", "conv2d", "conv3d")
_POOLS = ("max_pool1d", "max_pool2d", "max_pool3d", "max_pool2d_with_indices")


@dataclass(frozen=True)
class IntegerWeight:
    """A weight as integers, and the bias that goes with it.

    Attributes:
        levels: Integer minus zero point, held in float32, in the shape of the weight.
        scale: Step per output channel, shape (C,), float64.
        axis: Axis of the output channels.
        bias: In real units, shape (C,); None for the network's own.
    """

    levels: Tensor
    scale: Tensor
    axis: int
    bias: Tensor | None = None

    @property
    def real(self) -> Tensor:
        """The weight in float32."""
        shape = [1] * self.levels.dim()
        shape[self.axis] = -1
        return self.levels * self.scale.float().view(shape)


@dataclass(frozen=True)
class _Value:
    """What a node of the new graph holds.

    Attributes:
        node: The node; of a sum, None.
        scale: Real value of one unit: one number, one per channel (C,), or None for real values.
        low, high: Range of the levels where ``scale`` is one number.
        axis: Axis of the channels where there is a scale for each.
        rectified: Whether a rectifier is still to be applied.
        terms: Two values that are still to be added.
    """

    node: fx.Node | None
    scale: float | Tensor | None = None
    low: int = 0
    high: int = 0
    axis: int = 1
    rectified: bool = False
    terms: tuple[_Value, ...] = ()

    @property
    def is_levels(self) -> bool:
        return isinstance(self.scale, float) and not self.rectified


def lower(half: Half, weights: Mapping[str, IntegerWeight]) -> Half:
    """Let a half compute on integers wherever it reads and writes quantized tensors.

    Args:
        half: With ``fake_quantize_`` after every quantized tensor.
        weights: ``get_attr`` target of a weight -> its integers.

    Returns:
        A half that reads and writes the same real values.
    """
    return _Lowering(half, weights).run()


@dataclass
class _Lowering:
    half: Half
    weights: Mapping[str, IntegerWeight]
    graph: fx.Graph = field(default_factory=fx.Graph)
    constants: dict[str, Tensor] = field(default_factory=dict)
    values: dict[fx.Node, _Value] = field(default_factory=dict)
    reals: dict[fx.Node, fx.Node] = field(default_factory=dict)

    def run(self) -> Half:
        for node in self.half.operators.nodes:
            if node.op == "output":
                self.graph.output(fx.map_arg(node.args[0], self._real))
            else:
                self.values[node] = self._value(node)
        self.graph.eliminate_dead_code()
        used = {str(node.target) for node in self.graph.nodes if node.op == "get_attr"}
        kept = {name: value for name, value in self.constants.items() if name in used}
        return Half(self.graph, kept, self.half.reads, self.half.writes)

    def _value(self, node: fx.Node) -> _Value:
        if node.op == "placeholder":
            return _Value(self.graph.create_node("placeholder", str(node.target)))
        if node.op == "get_attr":
            return _Value(self._constant(str(node.target), self._stored(str(node.target))))
        if node.target is fake_quantize_:
            return self._quantized(node)
        weight = weight_argument(node)
        if weight is not None and str(weight.target) in self.weights:
            return self._weighted(node, self.weights[str(weight.target)])
        sources = [arg for arg in node.all_input_nodes if holds_value(self.values[arg])]
        if len(sources) == 1:
            value = self.values[sources[0]]
            if is_call(node, "relu") and (value.terms or value.scale is not None):
                return replace(value, rectified=True)
            if value.is_levels and (_moves(node) or is_call(node, *_POOLS)):
                return replace(value, node=self._copy(node, lambda arg: self.values[arg].node))
        if is_call(node, "add") and (terms := self._terms(node)):
            return _Value(None, terms=terms)
        return _Value(self._copy(node, self._real))

    def _stored(self, target: str) -> Tensor:
        if target in self.weights:
            return self.weights[target].real
        return self.half.constants[target]

    def _constant(self, name: str, value: Tensor) -> fx.Node:
        self.constants[name] = value
        return self.graph.create_node("get_attr", name)

    def _copy(self, node: fx.Node, value_of: Callable[[fx.Node], Any]) -> fx.Node:
        args = fx.map_arg(node.args, value_of)
        kwargs = fx.map_arg(node.kwargs, value_of)
        copied = self.graph.create_node(node.op, node.target, args, kwargs)
        copied.meta = {**node.meta}
        return copied

    def _real(self, node: fx.Node) -> fx.Node:
        """A node's value in real units."""
        if node not in self.reals:
            self.reals[node] = self._in_units(self.values[node])
        return self.reals[node]

    def _in_units(self, value: _Value) -> fx.Node:
        if value.terms:
            result = self.graph.call_function(torch.add, tuple(map(self._in_units, value.terms)))
        elif value.scale is None:
            assert value.node is not None
            result = value.node
        elif isinstance(value.scale, float):
            result = self.graph.call_function(mul, (value.node, value.scale))
        else:
            factor = value.scale.float()
            result = self.graph.call_function(_times_channels, (value.node, factor, value.axis))
        return self.graph.call_function(torch.relu, (result,)) if value.rectified else result

    def _quantized(self, node: fx.Node) -> _Value:
        """The integers of a tensor, from whatever it is computed as."""
        given: tuple[Any, ...] = node.args
        source, step, zero, bits = given
        value = self.values[source]
        low, high = -zero, 2**bits - 1 - zero
        result = _Value(None, float(step), low, high)
        if value.rectified:
            low = min(max(low, 0), high)
        if value.terms:
            factors = [float(np.float32(_one(term) / step)) for term in value.terms]
            nodes = [term.node for term in value.terms]
            new = self.graph.call_function(requantize_sum, (*nodes, *factors, low, high))
        elif value.scale is None:
            new = self.graph.call_function(to_levels_, (value.node, step, low, high))
        elif isinstance(value.scale, float):
            factor = float(np.float32(value.scale / step))
            new = self.graph.call_function(requantize, (value.node, factor, low, high))
        else:
            factors_c = (value.scale / step).float()
            args = (value.node, factors_c, low, high, value.axis)
            new = self.graph.call_function(requantize_, args)
        return replace(result, node=new)

    def _terms(self, node: fx.Node) -> tuple[_Value, ...]:
        """The two values that are added, if both are levels of one shape; else nothing."""
        call = arguments(node)
        pair = [call["self"], call["other"]]
        if call.get("alpha", 1) != 1 or not all(isinstance(arg, fx.Node) for arg in pair):
            return ()
        shapes = {tuple(arg.meta["val"].shape[1:]) if "val" in arg.meta else None for arg in pair}
        values = tuple(self.values[arg] for arg in pair)
        same = len(shapes) == 1 and None not in shapes
        return values if same and all(value.is_levels for value in values) else ()

    def _weighted(self, node: fx.Node, weight: IntegerWeight) -> _Value:
        """A layer with a quantized weight: integers if its input is, else its real weight."""
        call = arguments(node)
        source = call.get("input")
        value = self.values[source] if isinstance(source, fx.Node) else None
        known = is_call(node, "linear", *_CONVOLUTIONS) and weight.axis == 0
        given = call.get("bias")
        bias = weight.bias
        if bias is None and isinstance(given, fx.Node):
            bias = self.half.constants[str(given.target)]
        if value is None or not value.is_levels or not known:
            return self._weighted_real(node, weight)
        assert isinstance(value.scale, float)
        scale = weight.scale.double() * value.scale
        steps = None if bias is None else integer_bias(bias, scale)
        layer = IntegerLayer.of(
            node.target, call, weight.levels, steps, (value.low, value.high), operator_name(node)
        )
        new = self.graph.call_function(layer, (value.node,))
        dims = node.meta["val"].dim() if "val" in node.meta else 0
        return _Value(new, scale, axis=dims - 1 if is_call(node, "linear") else 1)

    def _weighted_real(self, node: fx.Node, weight: IntegerWeight) -> _Value:
        copied = self._copy(node, self._real)
        if weight.bias is not None:
            name = f"{node.name}/bias"
            with self.graph.inserting_before(copied):
                bias = self._constant(name, weight.bias)
            copied.kwargs = {**arguments(copied), "bias": bias}
            copied.args = ()
        return _Value(copied)


def holds_value(value: _Value) -> bool:
    """Whether a value is a tensor that is computed, and no constant or size."""
    return bool(value.terms) or (value.node is not None and value.node.op != "get_attr")


def _one(value: _Value) -> float:
    assert isinstance(value.scale, float)
    return value.scale


def _moves(node: fx.Node) -> bool:
    """Whether a node moves elements and adds none but zeros."""
    if is_call(node, "pad", "constant_pad_nd"):
        call = arguments(node)
        return call.get("mode", "constant") == "constant" and not call.get("value")
    return is_movement(node) and holds_tensor(node)


def integer_bias(bias: Tensor, scale: Tensor) -> Tensor:
    """Bias in steps of the accumulator, rounded half to even, kept inside 32 bits.

    Args:
        bias: Real units, shape (C,).
        scale: Step of the accumulator per channel, shape (C,), float64.
    """
    return torch.round(bias.double() / scale).clamp_(-_INT32, _INT32)


@dataclass(frozen=True, eq=False)
class IntegerLayer:
    """A convolution or linear layer on integers; the result is exact, rounded once to float32.

    Attributes:
        target: The operator.
        options: Its arguments beside input, weight and bias.
        parts: Pieces of the input's channels with their weights, each exact in float32.
        bias: Steps to add, shape (C,), float64, or None; inside the operator if it fits.
        inside: Whether the operator adds the bias.
        axis: Axis of the input's channels.
        double: Whether even one piece needs float64.
    """

    target: Any
    options: Mapping[str, Any]
    parts: tuple[tuple[slice, Tensor], ...]
    bias: Tensor | None
    inside: bool
    axis: int
    double: bool
    __name__: str = "integer_layer"

    @classmethod
    def of(
        cls,
        target: Any,
        call: Mapping[str, Any],
        levels: Tensor,
        bias: Tensor | None,
        kept: tuple[int, int],
        name: str,
    ) -> IntegerLayer:
        """Split a layer so far that every piece's sums stay exact.

        Args:
            target: The operator.
            call: Its arguments by name.
            levels: Weight levels, shape (C, channels, ...).
            bias: Steps, shape (C,), or None.
            kept: Least and greatest input level.
            name: Name of the operator.
        """
        options = {k: v for k, v in call.items() if k not in ("input", "weight", "bias")}
        most = 0.0 if bias is None else float(bias.abs().max())
        whole = _bound(levels, kept)
        axis = -1 if name == "linear" else 1
        inside = whole + most < EXACT
        if whole < EXACT:
            count = 1
        elif options.get("groups", 1) > 1:
            return cls(target, options, ((slice(None), levels.double()),), bias, True, axis, True)
        else:
            count = 2
            while any(_bound(part, kept) >= EXACT for part in levels.chunk(count, dim=1)):
                if count >= levels.shape[1]:
                    every = ((slice(None), levels.double()),)
                    return cls(target, options, every, bias, True, axis, True)
                count *= 2
        first, parts = 0, []
        for part in levels.chunk(count, dim=1):
            parts.append((slice(first, first + part.shape[1]), part.contiguous()))
            first += part.shape[1]
        return cls(target, options, tuple(parts), bias, inside and count == 1, axis, False)

    def __call__(self, x: Tensor) -> Tensor:
        """Accumulators of levels (batch, ...), in float32."""
        bias = self.bias
        if self.double:
            result: Tensor = self.target(x.double(), self.parts[0][1], bias, **self.options)
            return result.float()
        if len(self.parts) == 1:
            inner = bias.float() if self.inside and bias is not None else None
            total: Tensor = self.target(x, self.parts[0][1], inner, **self.options)
            if bias is None or self.inside:
                return total
        else:
            pieces = (
                self.target(x.narrow(self.axis, w.start, w.stop - w.start), p, None, **self.options)
                for w, p in self.parts
            )
            total = next(pieces).double()
            for piece in pieces:
                total += piece
        if bias is not None:
            shape = [-1] if self.axis == -1 else [-1, *[1] * (total.dim() - 2)]
            total = total.double() + bias.view(shape)
        return total.float()


def _bound(levels: Tensor, kept: tuple[int, int]) -> float:
    """No partial sum of one output, in any order, is larger than this."""
    rows = levels.flatten(1).double()
    up, down = rows.clamp_min(0).sum(1), (-rows).clamp_min(0).sum(1)
    low, high = -min(kept[0], 0), max(kept[1], 0)
    return float(torch.maximum(up * high + down * low, up * low + down * high).max())


def to_levels_(x: Tensor, step: float, low: int, high: int) -> Tensor:
    """Levels of real values: round(x / step), clamped; overwrites ``x``."""
    for block in torch.split(flat_view(x), BLOCK):
        block.div_(step).round_().clamp_(low, high)
    return x


def requantize(x: Tensor, factor: float, low: int, high: int) -> Tensor:
    """Levels on another grid: round(x * factor), clamped."""
    return torch.mul(x, factor).round_().clamp_(low, high)


def requantize_(x: Tensor, factor: Tensor, low: int, high: int, axis: int) -> Tensor:
    """Levels of accumulators: round(x * factor of the channel), clamped; overwrites ``x``."""
    if axis == 1 and x.is_contiguous() and x.dim() > 2:
        rows = x.view(-1, math.prod(x.shape[2:]))
        factors = factor.repeat(len(x)).unsqueeze(1)
        count = max(BLOCK // rows.shape[1], 1)
        split = zip(torch.split(rows, count), torch.split(factors, count), strict=True)
        blocks: list[tuple[Tensor, Tensor]] = list(split)
    else:
        shape = [1] * x.dim()
        shape[axis] = -1
        blocks = [(x, factor.view(shape))]
    for block, factors in blocks:
        block.mul_(factors).round_().clamp_(low, high)
    return x


def requantize_sum(
    x: Tensor, y: Tensor, x_factor: float, y_factor: float, low: int, high: int
) -> Tensor:
    """Levels of a sum: round(x * x_factor + y * y_factor), clamped."""
    if not (x.is_contiguous() and y.is_contiguous() and x.shape == y.shape):
        return (x * x_factor).add_(y * y_factor).round_().clamp_(low, high)
    result = torch.empty_like(x)
    pieces = [torch.split(value.view(-1), BLOCK) for value in (x, y, result)]
    for a, b, out in zip(*pieces, strict=True):
        torch.mul(a, x_factor, out=out).add_(b * y_factor).round_().clamp_(low, high)
    return result


def _times_channels(x: Tensor, factor: Tensor, axis: int) -> Tensor:
    shape = [1] * x.dim()
    shape[axis] = -1
    return x * factor.view(shape)
