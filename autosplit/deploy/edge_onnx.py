"""The edge half of a plan as an ONNX model: QuantizeLinear and DequantizeLinear around its layers.

The model takes the network's inputs and gives the integers of the crossing tensors, as uint8 or
uint16 (batch, ...), and the answers that the edge computes, in float32.

onnxruntime has a fast kernel for depthwise convolutions only where all channels share one zero
point; with one for each channel it is about 40 times slower.  The levels q - z_c of a channel are
those of the codes q - z_c + 128 at zero point 128, as long as all are in -128..127, so the weights
of convolutions in groups are moved there, exactly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, fx

import autosplit.deploy.quantize_operators  # noqa: F401 - registers the operators
from autosplit.capture.operators import arguments, clamp_window, weight_argument
from autosplit.capture.program import Program
from autosplit.deploy.clamp_windows import narrowed, window_codes
from autosplit.deploy.edge_module import EdgeModule, example_samples
from autosplit.deploy.onnx_export import export_onnx, pack_constants
from autosplit.deploy.operator_layers import naming_layers
from autosplit.deploy.sessions import SENT
from autosplit.errors import warn
from autosplit.graph.graph import Cut
from autosplit.grid.grid import Grid
from autosplit.halves.integer_kernels import BiasSteps, IntegerWeight
from autosplit.halves.lowering import bias_steps
from autosplit.halves.partition import Half
from autosplit.halves.quantized import check_plan, integer_weights, marked_half
from autosplit.plan.planfile import PlanFile
from autosplit.plan.wire_layout import wire_layout
from autosplit.quantize.affine import fake_quantize_, numbers_along

if TYPE_CHECKING:
    from onnx import ModelProto


def edge_onnx(program: Program, file: PlanFile, kept: Cut | None = None) -> ModelProto:
    """The edge half of a plan.

    Args:
        program: The captured network.
        file: The plan with its grids.
        kept: Of a plan that is all on the edge: a cut whose crossing tensors the model gives too,
            as it computes them on the way.

    Returns:
        A model whose weights are packed at their widths.  Its inputs have the names of the half's
        ``reads``, its outputs those of its ``writes`` after ``sent:`` or ``output:``.

    Raises:
        PlanError: The plan is for a network with other layers, or was finished for one with other
            weights.
        ModelError: ONNX has no form of an operator.
    """
    cut = check_plan(program, file)
    half = marked_half(program, file, cut, () if kept is None else kept.crossing)
    weights = integer_weights(program, file, cut)
    made = _EdgeGraph(half, weights, bias_steps(half, weights))
    marked = made.run()
    sent = wire_layout(kept or cut, file.activations, file.plan.input_coding)
    formats = {name: file.activations[name] for name in sent.names}
    with naming_layers(program, marked):
        model = export_onnx(
            EdgeModule(program, marked, formats, marked.module()),
            example_samples(program, marked),
            [None if program.layouts[name].axis is None else 0 for name in marked.reads],
            marked.reads,
            output_names(marked.writes),
        )
    pack_constants(model, made.packed, made.offsets)
    _warn_of_slow([name for name in cut.weights if program.weights[name].target in made.slow])
    quantized = [name for name, kept in formats.items() if isinstance(kept, Grid)]
    _give_integers(model, output_names(quantized))
    return model


def _warn_of_slow(layers: Sequence[str]) -> None:
    """Warn of layers whose zero points keep them from the fast kernel."""
    if layers:
        more = f" and {len(layers) - 1} more" if len(layers) > 1 else ""
        warn(
            f"export: {layers[0]}{more}: 8-bit levels of a convolution in groups must be in "
            "-128..127, or onnxruntime runs it about 40 times slower; search with an edge profile "
            "that says int8_weights: depthwise"
        )


def output_names(writes: Sequence[str]) -> list[str]:
    """Names of a model's outputs: an input that is sent as it came has another name there."""
    return [name if name.startswith("output:") else SENT + name for name in writes]


def _give_integers(model: ModelProto, names: Sequence[str]) -> None:
    """Let outputs be the integers before their last DequantizeLinear."""
    graph = model.graph
    writers = {node.output[0]: node for node in graph.node}
    for output in graph.output:
        if output.name not in names:
            continue
        real = writers[output.name]
        if real.op_type != "DequantizeLinear":  # moved, so that the batch is first
            moved = real
            while writers[moved.input[0]].op_type != "DequantizeLinear":
                moved = writers[moved.input[0]]
            real = writers[moved.input[0]]
            moved.input[0] = real.input[0]
            output.type.tensor_type.elem_type = _integer_type(model, real.input[2])
            continue
        integers = real.input[0]
        inner = f"{output.name}/real"
        for node in graph.node:
            node.input[:] = [inner if name == output.name else name for name in node.input]
        real.output[0] = inner
        for node in graph.node:
            node.input[:] = [output.name if name == integers else name for name in node.input]
        writers[integers].output[0] = output.name
        output.type.tensor_type.elem_type = _integer_type(model, real.input[2])


def _integer_type(model: ModelProto, name: str) -> int:
    """Element type of a constant."""
    for one in model.graph.initializer:
        if one.name == name:
            return int(one.data_type)
    for node in model.graph.node:
        if node.output[0] == name:
            return int(node.attribute[0].t.data_type)
    raise AssertionError(name)


INT8_ZERO = 128
"""Zero point at which codes of 8 bits are the levels -128..127."""


@dataclass
class _EdgeGraph:
    """The half with quantization as operators that have a form in ONNX.

    Attributes:
        half: With ``fake_quantize_`` after every quantized tensor; its graph is changed in place.
        weights: ``get_attr`` target of a weight -> its integers.
        biases: Name of a layer's node -> its bias in steps of the accumulator.
        constants: Value of each ``get_attr`` target.
        packed: Constant -> the width at which it is stored.
        offsets: Constant -> what its integers are above those that are stored.
        stored: ``get_attr`` target of a weight -> the node that unpacks it for all its readers.
        slow: ``get_attr`` target of each weight of a convolution in groups that is not int8.
    """

    half: Half
    weights: Mapping[str, IntegerWeight]
    biases: Mapping[str, BiasSteps]
    constants: dict[str, Tensor] = field(default_factory=dict)
    packed: dict[str, int] = field(default_factory=dict)
    offsets: dict[str, npt.NDArray[np.uint8]] = field(default_factory=dict)
    stored: dict[str, fx.Node] = field(default_factory=dict)
    slow: list[str] = field(default_factory=list)

    def run(self) -> Half:
        self.constants = dict(self.half.constants)
        for node in list(self.half.operators.nodes):
            if node.target is fake_quantize_:
                self._quantize(node)
            elif node.op == "call_function":
                weight = weight_argument(node)
                if weight is not None and str(weight.target) in self.weights:
                    self._store(node, self.weights[str(weight.target)])
        return self.half.with_used(self.constants)

    def _quantize(self, node: fx.Node) -> None:
        """``on_grid`` in place of one ``fake_quantize_`` and of the clamps right before it."""
        numbers: tuple[Any, ...] = node.args
        source, step, zero, bits = numbers
        window = -math.inf, math.inf
        while len(source.users) == 1:
            found = clamp_window(source)
            if found is not None:
                window = narrowed(window, found)
            elif source.target is not torch.clone:  # nothing is overwritten here
                break
            source = source.all_input_nodes[0]
        low, high = window_codes(window, step, zero, bits)
        graph = self.half.operators
        with graph.inserting_before(node):
            new = graph.call_function(
                torch.ops.autosplit.on_grid.default, (source, step, zero, low, high, bits)
            )
        new.meta = {**node.meta}
        node.replace_all_uses_with(new)
        graph.erase_node(node)

    def _store(self, node: fx.Node, weight: IntegerWeight) -> None:
        """A layer that reads its weight, and its bias, from their integers."""
        read = weight_argument(node)
        assert read is not None
        target = str(read.target)
        if target not in self.stored:
            self.stored[target] = self._weight(node, target, weight)
        node.replace_input_with(read, self.stored[target])
        call = {**arguments(node)}
        bias = self.biases.get(node.name)
        if bias is not None:
            none = torch.zeros(len(bias.steps), dtype=torch.int32)
            steps = bias.steps.to(torch.int32)
            call["bias"] = self._stored(node, f"{node.name}.bias", steps, bias.scale.float(), none)
        elif weight.bias is not None:
            call["bias"] = self._constant(node, f"{node.name}.bias", weight.bias)
        else:
            return
        node.args, node.kwargs = (), call

    def _weight(self, node: fx.Node, read: str, weight: IntegerWeight) -> fx.Node:
        """Store the integers of a weight at their width; gives the node that unpacks them."""
        grid = weight.grid
        scale, zero = numbers_along(grid, weight.axis, weight.levels.dim())
        assert isinstance(scale, Tensor)
        assert isinstance(zero, Tensor)
        kind = torch.uint8 if grid.bits <= 8 else torch.int32
        name = f"{node.name}.weight"
        target = _target(f"{name}.codes")
        self.packed[target] = grid.bits
        levels = weight.levels.to(torch.int32)
        in_groups = grid.bits <= 8 and arguments(node).get("groups", 1) > 1
        if in_groups and not are_int8(levels):
            self.slow.append(read)
        elif in_groups:
            if grid.bits < 8:
                self.offsets[target] = (INT8_ZERO - zero).to(torch.uint8).numpy()
            zero = torch.full_like(zero, INT8_ZERO)
        codes = (levels + zero).to(kind)
        numbers = scale.flatten(), zero.flatten().to(kind)
        return self._stored(node, name, codes, *numbers, weight.axis)

    def _stored(
        self, node: fx.Node, name: str, codes: Tensor, scale: Tensor, zero: Tensor, axis: int = 0
    ) -> fx.Node:
        parts = [
            self._constant(node, f"{name}.{word}", value)
            for word, value in (("codes", codes), ("scale", scale), ("zero", zero))
        ]
        graph = self.half.operators
        with graph.inserting_before(node):
            return graph.call_function(torch.ops.autosplit.stored.default, (*parts, axis))

    def _constant(self, node: fx.Node, name: str, value: Tensor) -> fx.Node:
        target = _target(name)
        self.constants[target] = value
        graph = self.half.operators
        with graph.inserting_before(node):
            return graph.create_node("get_attr", target)


def are_int8(levels: Tensor) -> bool:
    """Whether levels, counted from zero, are in -128..127."""
    least, most = levels.aminmax()
    return bool(least >= -INT8_ZERO and most < INT8_ZERO)


def _target(name: str) -> str:
    """Name of a constant, which has no dots."""
    return name.replace(".", "__")
