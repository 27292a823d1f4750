"""Recurrent layers: LSTM, GRU and RNN, one layer and one direction each, with one stored weight.

The weight of a layer is its two matrices side by side, [W_ih | W_hh]: a row for each gate and
unit, so that quantizing it by rows gives each row of a gate one scale.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from operator import getitem
from typing import Any

import torch
from torch import fx

from autosplit.capture.constants import LEARNED, Attributes, add_attribute
from autosplit.capture.operators import RECURRENT, RECURRENT_CELLS, arguments, is_call
from autosplit.graph.layer import Gemm


def split_recurrent(graph: fx.Graph, attributes: Attributes) -> None:
    """Write recurrent operators as one for each layer and direction, each with one weight.

    What a person packed (``PackedSequence``), projected outputs and weights that are computed stay
    as they are.
    """
    for node in list(graph.nodes):
        if is_call(node, *RECURRENT) and node.target._overloadname == "input":  # noqa: SLF001
            _split(_Call.of(node), attributes)
        elif is_call(node, *RECURRENT_CELLS):
            call = arguments(node)
            weights = call["w_ih"], call["w_hh"]
            if all(isinstance(w, fx.Node) and w.op == "get_attr" for w in weights):
                with graph.inserting_before(node):
                    first, second = _views(graph, attributes, weights, "")
                node.kwargs = {**call, "w_ih": first, "w_hh": second}
                node.args = ()
    graph.eliminate_dead_code()


def recurrent_products(root: fx.Node, sizes: Mapping[fx.Node, Any]) -> tuple[Gemm, ...]:
    """Matrix multiplications of one sample: every step multiplies by all matrices."""
    call = arguments(root)
    if is_call(root, *RECURRENT_CELLS):
        matrices, steps = [call["w_ih"], call["w_hh"]], 1
    else:
        data = call["input"] if "input" in call else call["data"]
        shape = sizes.get(data, (1, 1)) if isinstance(data, fx.Node) else (1, 1)
        steps = math.prod(shape[:-1])
        matrices = [p for p in call["params"] if p.meta["val"].dim() == 2]
    shapes = [tuple(matrix.meta["val"].shape) for matrix in matrices]
    return tuple(Gemm(1, columns, rows, steps) for rows, columns in shapes)


@dataclass
class _Call:
    """One recurrent operator: its node, and what it is called with."""

    node: fx.Node
    call: dict[str, Any]

    @classmethod
    def of(cls, node: fx.Node) -> _Call:
        return cls(node, arguments(node))

    @property
    def states(self) -> list[fx.Node]:
        """First states: h_0 and, of an LSTM, c_0; each (layers x directions, batch, units)."""
        hx = self.call["hx"]
        return list(hx) if isinstance(hx, list | tuple) else [hx]

    @property
    def directions(self) -> int:
        return 2 if self.call["bidirectional"] else 1

    @property
    def is_plain(self) -> bool:
        """Whether every layer has two matrices, and two biases if it has any, all stored."""
        each = 4 if self.call["has_biases"] else 2
        params = self.call["params"]
        stored = all(isinstance(p, fx.Node) and p.op == "get_attr" for p in params)
        return stored and len(params) == each * self.call["num_layers"] * self.directions


def _split(found: _Call, attributes: Attributes) -> None:
    """Replace one operator by one for each layer and direction."""
    if not found.is_plain:
        return
    graph, call, node = found.node.graph, found.call, found.node
    each = 4 if call["has_biases"] else 2
    single = call["num_layers"] * found.directions == 1
    layers = range(call["num_layers"])
    value, last = call["input"], [[] for _ in found.states]  # type: ignore[var-annotated]
    with graph.inserting_before(node):
        for layer in layers:
            outputs = []
            for direction in range(found.directions):
                place = layer * found.directions + direction
                params = call["params"][each * place : each * (place + 1)]
                name = "" if single else f"l{layer}{'_reverse' if direction else ''}_"
                weights = _views(graph, attributes, params[:2], name)
                states = [
                    s if single else _add(graph, _NARROW, s, 0, place, 1) for s in found.states
                ]
                output, *ends = _one(found, value, states, [*weights, *params[2:]], direction == 1)
                outputs.append(output)
                for kept, end in zip(last, ends, strict=True):
                    kept.append(end)
            value = outputs[0]
            if len(outputs) > 1:
                value = _add(graph, torch.ops.aten.cat.default, outputs, -1)
        ends = [
            k[0] if len(k) == 1 else _add(graph, torch.ops.aten.cat.default, k, 0) for k in last
        ]
    for user in list(node.users):
        assert user.target is getitem
        user.replace_all_uses_with([value, *ends][user.args[1]])  # type: ignore[index]


def _one(
    found: _Call, value: fx.Node, states: list[fx.Node], params: list[fx.Node], reverse: bool
) -> list[fx.Node]:
    """One layer in one direction: its output, and its last states."""
    graph, call = found.node.graph, found.call
    time = 1 if call["batch_first"] else 0
    if reverse:
        value = _add(graph, torch.ops.aten.flip.default, value, [time])
    hx = states if isinstance(call["hx"], list | tuple) else states[0]
    options = (call["has_biases"], 1, 0.0, False, False, call["batch_first"])
    made = graph.call_function(found.node.target, (value, hx, params, *options))  # type: ignore[arg-type]
    ends = [state.meta["val"] for state in states]
    like = value.meta["val"]
    output = like.new_empty((*like.shape[:-1], ends[0].shape[-1]))
    made.meta = {**found.node.meta, "val": (output, *ends)}
    parts = [_add(graph, getitem, made, place) for place in range(1 + len(states))]
    if reverse:
        parts[0] = _add(graph, torch.ops.aten.flip.default, parts[0], [time])
    return parts


def _views(
    graph: fx.Graph, attributes: Attributes, weights: Any, name: str
) -> tuple[fx.Node, fx.Node]:
    """Views of the two matrices of a layer, stored side by side as one weight."""
    first, second = (attributes[str(weight.target)] for weight in weights)
    stem = str(weights[0].target).rpartition("/")[0]
    stored = torch.cat([first, second], 1)
    target = f"{stem}/{name}weight" if stem else f"{name}weight"
    if not any(key == target and torch.equal(value, stored) for key, value in attributes.items()):
        target = add_attribute(attributes, target, stored)
    both = graph.get_attr(target)
    both.meta = {**weights[0].meta, "val": stored, LEARNED: True}
    inputs, units = first.shape[1], second.shape[1]
    views = [_add(graph, _NARROW, both, 1, 0, inputs), _add(graph, _NARROW, both, 1, inputs, units)]
    return views[0], views[1]


def _add(graph: fx.Graph, target: Any, *args: Any) -> fx.Node:
    """A node that calls an operator, with the value that it has for the traced inputs."""
    node = graph.call_function(target, args)
    values = fx.map_arg(args, lambda arg: arg.meta["val"])
    leaves = torch.utils._pytree.tree_leaves(values)  # noqa: SLF001
    mode = next((leaf.fake_mode for leaf in leaves if hasattr(leaf, "fake_mode")), None)
    if target is getitem or mode is None:
        node.meta["val"] = target(*values)
    else:
        with mode:
            fake = torch.utils._pytree.tree_map_only(  # noqa: SLF001
                torch.Tensor,
                lambda x: x if hasattr(x, "fake_mode") else mode.from_tensor(x),
                values,
            )
            node.meta["val"] = target(*fake)
    return node


_NARROW = torch.ops.aten.narrow.default
