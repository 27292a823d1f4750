"""Run a quantized half on its integers, so that a machine with integers alone gives the same bits.

What is computed, for a convolution or linear layer with input levels x (integer - zero point),
weight levels w and bias b:

    accumulator = sum of x w + round(b / (s_x s_w)), in 32 bits
    output      = clamp(round(float32(accumulator) * m), -z_y, 2^bits - 1 - z_y) + z_y

with m = s_x s_w / s_y, rounded once to float32; round is half to even.  An addition is
round(x_1 m_1 + x_2 m_2) with m_i = s_i / s_y, each operation rounded to float32.  A rectifier
raises the lower end of the clamp to zero, and one that saturates at c (relu6, hardtanh, clamp)
lowers the upper end to round(c / s_y); max pooling and moving elements take the integers as they
are, and then round(x m) with m = s_x / s_y.
Every other operator computes on the float32 values x s_x, and its result is divided by s_y,
rounded and clamped.

The integers are held in float32 tensors, whose sums are exact up to 2^24.  Where a sum could pass
that, the input channels are summed in parts, and the parts in float64.  NNPACK, which torch takes
for convolutions where oneDNN does not do them, multiplies transformed values, which are no
integers: it is off.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from operator import mul
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx
from torch.backends import nnpack

from autosplit.capture.operators import (
    arguments,
    holds_tensor,
    is_call,
    is_movement,
    operator_name,
    weight_argument,
)
from autosplit.halves.partition import Half
from autosplit.quantize.affine import BLOCK, fake_quantize_, flat_view

EXACT = 2**24
"""Integers up to this magnitude are exact in float32, and so are sums that stay below."""
_EVERYTHING = (-math.inf, math.inf)
"""Ends of a clamp that changes nothing."""
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
        window: Least and greatest real value that it is still to be clamped to.
        terms: Two values that are still to be added.
    """

    node: fx.Node | None
    scale: float | Tensor | None = None
    low: int = 0
    high: int = 0
    axis: int = 1
    window: tuple[float, float] = _EVERYTHING
    terms: tuple[_Value, ...] = ()

    @property
    def is_levels(self) -> bool:
        return isinstance(self.scale, float) and self.window == _EVERYTHING

    def clamped(self, window: tuple[float, float]) -> _Value:
        """The value after one more clamp."""
        least, most = (min(max(end, window[0]), window[1]) for end in self.window)
        return replace(self, window=(least, most))


@dataclass
class NnpackOff:
    """Keeps NNPACK off as long as any thread is inside: torch has one flag for all of them."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    inside: int = 0
    flag: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> None:
        with self.lock:
            if not self.inside:
                self.flag.enter_context(nnpack.flags(enabled=False))
            self.inside += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.inside -= 1
            if not self.inside:
                self.flag.close()


_NNPACK_OFF = NnpackOff()


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
    biases: dict[str, Tensor] = field(default_factory=dict)
    values: dict[fx.Node, _Value] = field(default_factory=dict)
    reals: dict[fx.Node, fx.Node] = field(default_factory=dict)

    def run(self) -> Half:
        for node in self.half.operators.nodes:
            if node.op == "output":
                self.graph.output(fx.map_arg(node.args[0], self._real))
            else:
                self.values[node] = self._value(node)
        self.graph.eliminate_dead_code()
        _merge_sums(self.graph)
        used = {str(node.target) for node in self.graph.nodes if node.op == "get_attr"}
        kept = {name: self._stored(name) for name in used}
        return Half(self.graph, kept, self.half.reads, self.half.writes)

    def _value(self, node: fx.Node) -> _Value:
        if node.op == "placeholder":
            return _Value(self.graph.create_node("placeholder", str(node.target)))
        if node.op == "get_attr":
            return _Value(self.graph.create_node("get_attr", str(node.target)))
        if node.target is fake_quantize_:
            return self._quantized(node)
        weight = weight_argument(node)
        if weight is not None and str(weight.target) in self.weights:
            return self._weighted(node, self.weights[str(weight.target)])
        sources = [arg for arg in node.all_input_nodes if holds_value(self.values[arg])]
        if len(sources) == 1:
            value = self.values[sources[0]]
            window = _window(node)
            if window is not None and (value.terms or value.scale is not None):
                return value.clamped(window)
            if value.is_levels and (_moves(node) or is_call(node, *_POOLS)):
                return replace(value, node=self._copy(node, lambda arg: self.values[arg].node))
        if is_call(node, "add") and (terms := self._terms(node)):
            return _Value(None, terms=terms)
        return _Value(self._copy(node, self._real))

    def _stored(self, name: str) -> Tensor:
        if name in self.biases:
            return self.biases[name]
        if name in self.weights:
            return self.weights[name].real
        return self.half.constants[name]

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
        if value.window == _EVERYTHING:
            return result
        return self.graph.call_function(torch.clamp, (result, *value.window))

    def _quantized(self, node: fx.Node) -> _Value:
        """The integers of a tensor, from whatever it is computed as."""
        given: tuple[Any, ...] = node.args
        source, step, zero, bits = given
        value = self.values[source]
        low, high = (round(min(max(end / step, -zero), 2**bits - 1 - zero)) for end in value.window)
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
        return _Value(new, float(step), low, high)

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
            self.biases[name] = weight.bias
            with self.graph.inserting_before(copied):
                bias = self.graph.create_node("get_attr", name)
            copied.kwargs = {**arguments(copied), "bias": bias}
            copied.args = ()
        return _Value(copied)


def holds_value(value: _Value) -> bool:
    """Whether a value is a tensor that is computed, and no constant or size."""
    return bool(value.terms) or (value.node is not None and value.node.op != "get_attr")


def _one(value: _Value) -> float:
    assert isinstance(value.scale, float)
    return value.scale


def _window(node: fx.Node) -> tuple[float, float] | None:
    """Ends of the clamp that a rectifier is; None if a node is none."""
    if is_call(node, "relu"):
        return 0.0, math.inf
    if is_call(node, "relu6"):
        return 0.0, 6.0
    if not is_call(node, "hardtanh", "clamp"):
        return None
    call = arguments(node)
    least, most = call.get("min_val", call.get("min")), call.get("max_val", call.get("max"))
    ends = -math.inf if least is None else least, math.inf if most is None else most
    return None if any(isinstance(end, fx.Node) for end in ends) else ends


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
        parts: Pieces of the input's channels with their weights, each exact in the weights' type.
        inner: Bias that the operator adds to the first piece, shape (C,), 0 where it does not fit.
        outer: Output channels where it does not fit, and their bias in float64, in the shape of
            the result; None if there are none.
        axis: Axis of the input's channels, and of the result's.
    """

    target: Any
    options: Mapping[str, Any]
    parts: tuple[tuple[slice, Tensor], ...]
    inner: Tensor | None
    outer: tuple[Tensor, Tensor] | None
    axis: int
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
        axis = -1 if name == "linear" else 1
        parts = _exact_parts(levels, kept, options.get("groups", 1))
        if not parts:
            every = ((slice(None), levels.double()),)
            return cls(target, options, every, bias, None, axis)
        first, pieces = 0, []
        for part, _ in parts:
            pieces.append((slice(first, first + part.shape[1]), part.contiguous()))
            first += part.shape[1]
        if bias is None:
            return cls(target, options, tuple(pieces), None, None, axis)
        fits = parts[0][1] + bias.abs() < EXACT
        inner, outer = torch.where(fits, bias, 0).float(), None
        if not bool(fits.all()):
            (places,) = torch.where(~fits)
            shape = [-1] if axis == -1 else [-1, *[1] * (levels.dim() - 2)]
            outer = places, bias[places].view(shape)
        return cls(target, options, tuple(pieces), inner, outer, axis)

    def __call__(self, x: Tensor) -> Tensor:
        """Accumulators of levels (batch, ...), in float32."""
        with _NNPACK_OFF:  # its transformed convolutions are not exact
            return self._sum(x)

    def _sum(self, x: Tensor) -> Tensor:
        (whole, levels), *others = self.parts
        first = self._channels(x, whole) if others else x.to(levels.dtype)
        total: Tensor = self.target(first, levels, self.inner, **self.options)
        if len(others) > 1 or (others and self.outer):  # a sum of two rounds only once
            total = total.double()
        for place, levels in others:
            total += self.target(self._channels(x, place), levels, None, **self.options)
        result = total.float()
        if self.outer is not None:
            places, bias = self.outer
            late = total.index_select(self.axis, places).double() + bias
            result.index_copy_(self.axis, places, late.float())
        return result

    def _channels(self, x: Tensor, place: slice) -> Tensor:
        return x.narrow(self.axis, place.start, place.stop - place.start)


def _exact_parts(levels: Tensor, kept: tuple[int, int], groups: int) -> list[tuple[Tensor, Tensor]]:
    """Slices of a weight's input channels with exact sums, and their bounds; empty if none do."""
    count = 1
    while True:
        parts = [(part, bounds(part, kept)) for part in levels.chunk(count, dim=1)]
        if all(bool((bound < EXACT).all()) for _, bound in parts):
            return parts
        if groups > 1 or count >= levels.shape[1]:
            return []
        count *= 2


def bounds(levels: Tensor, kept: tuple[int, int]) -> Tensor:
    """What no partial sum of an output channel, in any order, can pass.

    Args:
        levels: Weight levels, shape (C, channels, ...), float32.
        kept: Least and greatest input level.

    Returns:
        Magnitudes, shape (C,), float64; exact below ``EXACT``, else at least that.
    """
    low, high = -min(kept[0], 0), max(kept[1], 0)
    rows = levels.flatten(1)
    found = []
    for some in torch.split(rows, max(BLOCK // rows.shape[1], 1)):
        positive = some.clamp_min(0)
        up = positive.sum(1).double()
        down = positive.sub_(some).sum(1).double()
        found.append(torch.maximum(up * high + down * low, up * low + down * high))
    return torch.cat(found)


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
    for block, factors in _by_channel(x, factor, axis):
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


@dataclass(frozen=True, eq=False)
class AccumulatedSum:
    """``requantize_`` of accumulators, then ``requantize_sum``, in one pass over memory.

    Attributes:
        factor, low, high, axis: Of the accumulators.
        factors: Of their levels, and of the levels that are added.
        kept: Least and greatest level of the sum.
    """

    factor: Tensor
    low: int
    high: int
    axis: int
    factors: tuple[float, float]
    kept: tuple[int, int]
    __name__: str = "accumulated_sum"

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Levels of the sum of accumulators and levels; overwrites ``x``."""
        if not (x.is_contiguous() and y.is_contiguous() and x.shape == y.shape):
            x = requantize_(x, self.factor, self.low, self.high, self.axis)
            return requantize_sum(x, y, *self.factors, *self.kept)
        pieces = _by_channel(x, self.factor, self.axis), _by_channel(y, self.factor, self.axis)
        for (block, factors), (other, _) in zip(*pieces, strict=True):
            block.mul_(factors).round_().clamp_(self.low, self.high)
            block.mul_(self.factors[0]).add_(other * self.factors[1]).round_().clamp_(*self.kept)
        return x


def _merge_sums(graph: fx.Graph) -> None:
    """Requantize accumulators that only a sum reads where they are added."""
    for node in graph.find_nodes(op="call_function", target=requantize_sum):
        x, y, x_factor, y_factor, *kept = node.args
        for one, other, factors in ((x, y, (x_factor, y_factor)), (y, x, (y_factor, x_factor))):
            if one.target is requantize_ and len(one.users) == 1 and one is not other:
                accumulators, factor, low, high, axis = one.args
                node.target = AccumulatedSum(factor, low, high, axis, factors, tuple(kept))
                node.args = (accumulators, other)
                graph.erase_node(one)
                break


def _by_channel(x: Tensor, factor: Tensor, axis: int) -> list[tuple[Tensor, Tensor]]:
    """Views of a tensor that stay in cache, each with the factors (C,) of its channels."""
    inner = math.prod(x.shape[axis + 1 :])
    if not x.is_contiguous():
        return [(x, factor.view(-1, *[1] * (x.dim() - axis - 1)))]
    block = BLOCK * torch.get_num_threads()  # each thread's share stays in its core's cache
    if inner == 1:
        count = max(block // len(factor), 1)
        return [(block, factor) for block in torch.split(x.view(-1, len(factor)), count)]
    rows, count = x.view(-1, inner), max(block // inner, 1)
    factors = factor.repeat(len(rows) // len(factor)).unsqueeze(1)
    return list(zip(torch.split(rows, count), torch.split(factors, count), strict=True))


def _times_channels(x: Tensor, factor: Tensor, axis: int) -> Tensor:
    shape = [1] * x.dim()
    shape[axis] = -1
    return x * factor.view(shape)
