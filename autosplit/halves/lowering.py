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

The arithmetic is in ``integer_kernels``.  This file is long because the rules of the one pass over
the graph decide together what each node becomes.
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

from autosplit.capture.operators import (
    arguments,
    clamp_window,
    holds_tensor,
    is_call,
    is_movement,
    operator_name,
    weight_argument,
)
from autosplit.halves.integer_kernels import (
    AccumulatedSum,
    BiasSteps,
    IntegerLayer,
    IntegerWeight,
    integer_bias,
    requantize,
    requantize_,
    requantize_sum,
    times_channels,
    to_levels_,
)
from autosplit.halves.partition import Half
from autosplit.quantize.affine import fake_quantize_

_EVERYTHING = (-math.inf, math.inf)
"""Ends of a clamp that changes nothing."""
_CONVOLUTIONS = ("conv1d", "conv2d", "conv3d")
_POOLS = ("max_pool1d", "max_pool2d", "max_pool3d", "max_pool2d_with_indices")


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


def lower(half: Half, weights: Mapping[str, IntegerWeight]) -> Half:
    """Let a half compute on integers wherever it reads and writes quantized tensors.

    Args:
        half: With ``fake_quantize_`` after every quantized tensor.
        weights: ``get_attr`` target of a weight -> its integers.

    Returns:
        A half that reads and writes the same real values.
    """
    return _Lowering(half, weights).run()


def biases_on_grids(half: Half, weights: Mapping[str, IntegerWeight]) -> dict[str, Tensor]:
    """The biases that a lowered half adds, in real units.

    Takes what ``lower`` takes.

    Returns:
        Name of a layer's node -> its bias, shape (C,), float64: a whole number of steps of the
        accumulator where the layer computes on integers.
    """
    lowering = _Lowering(half, weights)
    lowering.run()
    return lowering.added


def bias_steps(half: Half, weights: Mapping[str, IntegerWeight]) -> dict[str, BiasSteps]:
    """The biases that the layers on integers add.

    Takes what ``lower`` takes.

    Returns:
        Name of a layer's node -> its bias.
    """
    lowering = _Lowering(half, weights)
    lowering.run()
    return lowering.steps


@dataclass
class _Lowering:
    half: Half
    weights: Mapping[str, IntegerWeight]
    graph: fx.Graph = field(default_factory=fx.Graph)
    biases: dict[str, Tensor] = field(default_factory=dict)
    added: dict[str, Tensor] = field(default_factory=dict)
    steps: dict[str, BiasSteps] = field(default_factory=dict)
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
        sources = [arg for arg in node.all_input_nodes if _holds_value(self.values[arg])]
        if len(sources) == 1:
            value = self.values[sources[0]]
            window = clamp_window(node)
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
            result = self.graph.call_function(times_channels, (value.node, factor, value.axis))
        if value.window == _EVERYTHING:
            return result
        return self.graph.call_function(torch.clamp, (result, *value.window))

    def _quantized(self, node: fx.Node) -> _Value:
        """The integers of a tensor, from whatever it is computed as."""
        numbers: tuple[Any, ...] = node.args
        source, step, zero, bits = numbers
        value = self.values[source]
        low, high = (round(min(max(end / step, -zero), 2**bits - 1 - zero)) for end in value.window)
        if value.terms:
            factors = [float(np.float32(_single_scale(term) / step)) for term in value.terms]
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
        own = call.get("bias")
        bias = weight.bias
        if bias is None and isinstance(own, fx.Node):
            bias = self.half.constants[str(own.target)]
        if value is None or not value.is_levels or not known:
            return self._weighted_real(node, weight)
        assert isinstance(value.scale, float)
        scale = torch.tensor(weight.grid.scale).double() * value.scale
        steps = None if bias is None else integer_bias(bias, scale)
        if steps is not None:
            self.added[node.name] = steps * scale
            self.steps[node.name] = BiasSteps(steps, scale)
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
            self.added[node.name] = weight.bias.double()
            with self.graph.inserting_before(copied):
                bias = self.graph.create_node("get_attr", name)
            copied.kwargs = {**arguments(copied), "bias": bias}
            copied.args = ()
        return _Value(copied)


def _holds_value(value: _Value) -> bool:
    """Whether a value is a tensor that is computed, and no constant or size."""
    return bool(value.terms) or (value.node is not None and value.node.op != "get_attr")


def _single_scale(value: _Value) -> float:
    assert isinstance(value.scale, float)
    return value.scale


def _moves(node: fx.Node) -> bool:
    """Whether a node moves elements and adds none but zeros."""
    if is_call(node, "pad", "constant_pad_nd"):
        call = arguments(node)
        return call.get("mode", "constant") == "constant" and not call.get("value")
    return is_movement(node) and holds_tensor(node)


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
