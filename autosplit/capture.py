"""From a network and an example input to a fused program and its graph.

``torch.export`` gives a flat list of ATen operators, whatever the Python looked like: functions,
views, shared modules and in-place operators need no case of their own.  ``fuse`` rewrites that
program, ``layout`` finds the batch in it, and ``layers`` groups and describes its operators.
"""

from __future__ import annotations

import copy
import hashlib
import io
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import Dim, ExportedProgram
from torch.export.graph_signature import OutputKind, TensorArgument

from autosplit.errors import CaptureError, DataError, ModelError
from autosplit.fuse import REWRITES, Attributes, drop_checks, functionalize
from autosplit.graph.graph import Graph
from autosplit.graph.graphfile import by_x
from autosplit.graph.layer import Shape
from autosplit.layers import Found, Group, describe, group
from autosplit.layout import BatchLayout, batched, find_layouts
from autosplit.operators import arguments, base_of, output_axis, weight_argument
from autosplit.precision import to_float32

Watch = Callable[[str, Tensor], None]
MAX_BATCH = 65_536
STEP_ELEMENTS = 5_000_000
"""Elements of the largest tensor of a step: 20 MB, since malloc (of glibc) hands what is above 32
MB back at once, and writing to fresh pages takes as long as computing."""
_ALIVE = 1e-3  # of the largest deviation of a channel, below which one says nothing
TOLERANCE = 1e-4
"""Largest error of the fused program against the network, relative to the largest output."""


@dataclass(frozen=True, slots=True)
class WeightRef:
    """Where a quantized weight is found in a program.

    Attributes:
        target: Its ``get_attr`` target.
        axis: Axis of its output channels.
    """

    target: str
    axis: int


@dataclass(frozen=True, slots=True)
class Trained:
    """What a batch norm learned of its training data.

    Attributes:
        node: Name of the node that writes its output.
        deviation: Of that output per channel, shape (C,).
    """

    node: str
    deviation: Tensor


@dataclass(frozen=True)
class Program:
    """A captured network: the fused program that runs, and the graph that describes it.

    Attributes:
        graph: The layers, in the order in which the program runs them.
        module: Operators with batch norms folded; takes the inputs, gives a tuple of outputs.
        nodes: Tensor (network input or layer) -> name of the node that writes it.
        weights: Layer that stores a quantized weight -> where it is.
        layouts: Tensor -> where its batch dimension is.
        batch_size: The only batch size it can run, or None if any will do.
        cast_from: Types other than float32 that the network computes in; the program does not.
        trained: What the first batch norm with trained statistics learned; None without one.
    """

    graph: Graph
    module: fx.GraphModule
    nodes: Mapping[str, str]
    weights: Mapping[str, WeightRef]
    layouts: Mapping[str, BatchLayout]
    batch_size: int | None = None
    cast_from: tuple[str, ...] = ()
    trained: Trained | None = None

    @property
    def step(self) -> int:
        """Samples at a time for whose tensors memory is used again, or what it is bound to."""
        graph = self.graph
        largest = max(map(graph.elements, (*graph.inputs, *graph.by_name)))
        return self.batch_size or max(1, STEP_ELEMENTS // largest)

    def steps(
        self, batch: Tensor | Sequence[Tensor], most: int | None = None
    ) -> Iterator[tuple[Tensor, ...]]:
        """A batch of the network's inputs, ``step`` samples at a time.

        Args:
            batch: One tensor, or one for each input.
            most: Samples at a time at most, at least one; a batch size it is bound to goes before.
        """
        size = self.step
        if most is not None and self.batch_size is None:
            size = max(min(size, most), 1)
        inputs = (batch,) if isinstance(batch, Tensor) else batch
        return zip(*(value.split(size) for value in inputs), strict=True)

    @cached_property
    def weights_sha256(self) -> str:
        """Hex digest of all numbers that the program stores, bit for bit, in order of first use."""
        digest, nodes = hashlib.sha256(), self.module.graph.nodes
        for name in dict.fromkeys(str(node.target) for node in nodes if node.op == "get_attr"):
            value = getattr(self.module, name).detach().contiguous()
            digest.update(f"{value.dtype} {tuple(value.shape)}".encode())
            digest.update(value.view(-1).view(torch.uint8).numpy())
        return digest.hexdigest()

    def weight(self, layer: str) -> Tensor:
        """The float weight that a layer stores."""
        value: Tensor = getattr(self.module, self.weights[layer].target)
        return value

    def samples(self, tensor: str, value: Tensor) -> Tensor:
        """A tensor's value with the batch first: shape (batch, ...), one row per sample."""
        return self.layouts[tensor].samples_first(value)

    def run(self, inputs: Sequence[Tensor], watch: Watch | None = None) -> tuple[Tensor, ...]:
        """Run the program, showing ``watch`` every tensor by its name as it is written.

        Args:
            inputs: The network's inputs, each (batch, ...).
            watch: Called with the name and the value of each input and each layer's output; it
                must not change the value.

        Raises:
            DataError: An input is missing, or no tensor of the type and shape that the network was
                captured with.
        """
        self._check_inputs(inputs)
        tensor_of = {node: tensor for tensor, node in self.nodes.items()}
        with torch.no_grad():
            return _Watched(self.module, tensor_of, watch).run(*inputs)  # type: ignore[no-any-return]

    def deviations(self, inputs: Sequence[Tensor]) -> tuple[float, float] | None:
        """The deviation that the first batch norm writes on some inputs, and the one it learned.

        Returns:
            Both of the channel whose ratio is the median of all that deviate at all; None without
            such a norm.
        """
        if self.trained is None:
            return None
        part = fx.Graph()
        copied: dict[fx.Node, fx.Node] = {}
        for node in self.module.graph.nodes:
            copied[node] = part.node_copy(node, copied.__getitem__)
            if node.name == self.trained.node:
                part.output(copied[node])
                break
        with torch.no_grad():
            value = fx.GraphModule(self.module, part)(*inputs)
        value = value[0] if isinstance(value, tuple) else value
        learned = self.trained.deviation
        alive = learned > _ALIVE * learned.max()
        if not alive.any():
            return None
        found = value.movedim(1, 0).flatten(1).double().std(1, correction=0)[alive]
        middle = (found / learned[alive]).median(0).indices
        return float(found[middle]), float(learned[alive][middle])

    def _check_inputs(self, inputs: Sequence[Any]) -> None:
        """Refuse inputs of another number, type or shape than the network was captured with."""
        about, names = f"that {self.graph.name} was captured with", list(self.graph.inputs)
        if len(inputs) != len(names):
            raise DataError(
                f"inputs: must be the {len(names)} {about} ({', '.join(names)}), got {len(inputs)}"
            )
        nodes = (node for node in self.module.graph.nodes if node.op == "placeholder")
        for name, node, value in zip(names, nodes, inputs, strict=True):
            dtype, found = node.meta["val"].dtype, getattr(value, "dtype", type(value).__name__)
            if dtype != found:
                text = str(dtype).removeprefix("torch.")
                raise DataError(
                    f"{name}: must be a tensor of the type {text} {about}, got "
                    f"{str(found).removeprefix('torch.')}"
                )
            shape, sample = self.graph.inputs[name], self.layouts[name].sample_shape(value.shape)
            if tuple(sample) != shape:
                raise DataError(
                    f"{name}: a sample must have the shape {by_x(shape)} {about}, got "
                    f"{by_x(sample) or 'a number'}; see --input-size"
                )
            if not value.numel():
                raise DataError(f"{name}: must have at least one sample, got none")


class _Watched(fx.Interpreter):
    """Interpreter that frees values after their last use and shows those that have a name."""

    def __init__(
        self, module: fx.GraphModule, tensor_of: Mapping[str, str], watch: Watch | None
    ) -> None:
        super().__init__(module)
        self._tensor_of = tensor_of
        self._watch = watch

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if self._watch is not None and n.name in self._tensor_of:
            self._watch(self._tensor_of[n.name], value)
        return value


def capture(
    network: nn.Module | ExportedProgram, example: Sequence[Tensor], name: str = "network"
) -> Program:
    """Capture a network with torch.export and fuse its operators into layers.

    The caller's module is left as it was.  The batch dimension is dynamic where the network
    allows it.  What is captured is checked: its output on the example equals the network's, or,
    of a network in half or double precision, that of its operators in float32.

    Args:
        network: A module (captured in eval mode), or a saved torch.export program.
        example: One example input per argument, each (batch, ...), float32 or of the type that
            the network takes.
        name: Name of the network.

    Raises:
        CaptureError: torch.export cannot trace it (says where), an operator has several outputs
            that are read, or the fused program does not give the network's output.
        ModelError: A weight or a bias is NaN or infinite.
    """
    if isinstance(network, nn.Module) and any(module.training for module in network.modules()):
        network = copy.deepcopy(network).eval()
    with torch.no_grad():
        exported = (
            network if isinstance(network, ExportedProgram) else _export(network, example, name)
        )
        example = tuple(x.float() if x.is_floating_point() else x for x in example)
        program, unfused = _build(exported, example, name)
        inputs = batched(example, program.batch_size)
        module = unfused or (network if isinstance(network, nn.Module) else network.module())
        expected = module(*(tensor.clone() for tensor in inputs))
    _check(program, inputs, expected)
    return program


def _export(network: nn.Module, example: Sequence[Tensor], name: str) -> ExportedProgram:
    """Export with any batch size, or, where the network forbids that, with one sample.

    A network in another precision that does not cast its inputs itself gets them cast.
    """
    examples = [example]
    first = next((p.dtype for p in network.parameters() if p.is_floating_point()), torch.float32)
    if first != torch.float32 and any(x.dtype == torch.float32 for x in example):
        examples.append([x.to(first) if x.dtype == torch.float32 else x for x in example])
    any_size = Dim("batch", min=1, max=MAX_BATCH)
    with _quiet():
        for given, batch in [(given, batch) for batch in (any_size, None) for given in examples]:
            inputs = batched(given, 2 if batch else 1)
            shapes = torch.export.ShapesCollection()
            for tensor in inputs if batch else ():
                shapes[tensor] = {0: batch}
            try:
                return torch.export.export(
                    network, inputs, dynamic_shapes=shapes if batch else None, strict=False
                )
            except Exception as error:  # noqa: BLE001 - whatever forbids this, another way may do
                problem = error
    raise CaptureError(_explain(problem, name)) from problem


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch from logging, and from printing half a program, when it cannot export."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def _explain(error: Exception, name: str) -> str:
    """One line from a torch.export failure: what went wrong and at which line of whose file."""
    text = str(error)
    places = re.findall(r'File "([^"]+)", line (\d+), in (\w+)', text)
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append((code.co_filename, str(trace.tb_lineno), code.co_name))
        trace = trace.tb_next
    foreign = [str(Path(file).parent) for file in (torch.__file__, os.__file__, __file__)]
    own = [place for place in places if not _inside(place[0], foreign)]
    where = " at {}:{} in {}".format(*own[-1]) if own else ""
    first = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    return f"{name}: torch.export must be able to trace the network, failed{where}: {first}"


def _inside(file: str, folders: Iterable[str]) -> bool:
    """Whether a file is torch's, Python's or ours, and not one of the network's."""
    return any(
        file.startswith(folder) and "site-packages" not in file.removeprefix(folder)
        for folder in folders
    )


def _build(
    exported: ExportedProgram, example: tuple[Tensor, ...], name: str
) -> tuple[Program, fx.GraphModule | None]:
    """Rewrite the exported operators, group them and describe each group.

    Returns:
        The program; and, if it does not compute in the types of the network, its operators before
        they were fused.
    """
    operators, attributes = _unlift(exported)
    if not functionalize(operators):
        operators, attributes = _unlift(exported.run_decompositions(_retraced()))
    cast_from = to_float32(operators, attributes)
    unfused = _copied(operators, attributes) if cast_from else None
    for rewrite in REWRITES:
        rewrite(operators, attributes)
    operators.lint()
    used = {str(node.target) for node in operators.nodes if node.op == "get_attr"}
    kept = {target: attributes[target].contiguous() for target in sorted(used)}
    module = fx.GraphModule(kept, operators)
    batch_size = _bound_batch(operators)
    layouts, sizes = find_layouts(module, example, batch_size)
    groups = group(operators)
    if not groups:
        raise CaptureError(f"{name}: must have at least one layer, got none")
    _check_numbers(groups, attributes, name)
    weights = _weights(groups)
    inputs = {node: node.name for node in operators.nodes if node.op == "placeholder"}
    tensor_of = inputs | {found.output: found.name for found in groups}
    owners = {weight.target: layer for layer, weight in weights.items()}
    for node, size in sizes.items():
        if isinstance(size, int):
            node.meta["per_sample"] = size
    (results,) = next(node for node in reversed(operators.nodes) if node.op == "output").args
    outputs = [tensor_of[base] for base in map(base_of, results) if base in tensor_of]
    graph = Graph(
        name=name,
        inputs={tensor: sizes[node] for node, tensor in inputs.items()},
        layers=tuple(describe(groups, Found(tensor_of, sizes, owners))),
        outputs=tuple(dict.fromkeys(outputs)),
    )
    program = Program(
        graph=graph,
        module=module,
        nodes={tensor: node.name for node, tensor in tensor_of.items()},
        weights=weights,
        layouts={tensor: layouts[node] for node, tensor in tensor_of.items()},
        batch_size=batch_size,
        cast_from=cast_from,
        trained=_trained(operators),
    )
    return program, unfused


def _copied(operators: fx.Graph, attributes: Attributes) -> fx.GraphModule:
    """Operators as they are now, that run."""
    copied = fx.Graph()
    copied.output(copied.graph_copy(operators, {}))
    drop_checks(copied, attributes)
    return fx.GraphModule(dict(attributes), copied)


def _retraced() -> dict[Any, Callable[..., Any]]:
    """How torch takes apart the operators that are counted in parts."""
    known = torch.export.default_decompositions()
    return {call: rule for call, rule in known.items() if call.name() == "aten::einsum"}


def _unlift(exported: ExportedProgram) -> tuple[fx.Graph, Attributes]:
    """The operators with parameters as ``get_attr`` and a flat tuple of outputs.

    A parameter's target is its name with slashes for dots; tied parameters get one target.
    """
    signature = exported.graph_signature
    lifted = {
        **signature.inputs_to_parameters,
        **signature.inputs_to_buffers,
        **signature.inputs_to_lifted_tensor_constants,
    }
    stored = {**dict(exported.state_dict), **exported.constants}
    attributes: Attributes = {}
    same: dict[tuple[int, Shape, Shape, torch.dtype], str] = {}
    operators = fx.Graph()
    copied: dict[fx.Node, fx.Node] = {}
    for node in exported.graph.nodes:
        if node.op == "placeholder" and node.name in lifted:
            value = stored[lifted[node.name]].detach()
            key = (value.data_ptr(), tuple(value.shape), value.stride(), value.dtype)
            target = same.setdefault(key, lifted[node.name].replace(".", "/"))
            attributes[target] = value
            copied[node] = operators.get_attr(target)
            copied[node].meta = {**node.meta}
        elif node.op == "output":
            answers = [
                arg
                for arg, spec in zip(node.args[0], signature.output_specs, strict=True)
                if spec.kind is OutputKind.USER_OUTPUT and isinstance(spec.arg, TensorArgument)
            ]
            operators.output(tuple(copied[arg] for arg in answers))
        else:
            copied[node] = operators.node_copy(node, lambda arg: copied[arg])
    return operators, attributes


def _bound_batch(operators: fx.Graph) -> int | None:
    """Batch size that the first input is bound to, None where it is symbolic."""
    first = next(node for node in operators.nodes if node.op == "placeholder")
    size = first.meta["val"].shape[0]
    return size if isinstance(size, int) else None


def _trained(operators: fx.Graph) -> Trained | None:
    """What the first batch norm learned, folded or not."""
    marked = (node for node in operators.nodes if "deviation" in node.meta)
    first = next(marked, None)
    return None if first is None else Trained(first.name, first.meta["deviation"])


def _weights(groups: Sequence[Group]) -> dict[str, WeightRef]:
    """Layer -> its weight, for each weight the first layer that reads it."""
    owners: dict[str, WeightRef] = {}
    for found in groups:
        weight = weight_argument(found.root)
        if weight is not None and str(weight.target) not in {ref.target for ref in owners.values()}:
            owners[found.name] = WeightRef(str(weight.target), output_axis(found.root))
    return owners


def _check_numbers(groups: Sequence[Group], attributes: Attributes, name: str) -> None:
    """Refuse weights and biases that are NaN or infinite.

    Raises:
        ModelError: Of which layer.
    """
    for found in groups:
        if weight_argument(found.root) is None:
            continue
        for role, node in arguments(found.root).items():
            value = attributes.get(str(node.target)) if isinstance(node, fx.Node) else None
            if value is not None and not value.isfinite().all():
                what = "bias" if role in ("bias", "self") else "weight"
                raise ModelError(
                    f"{name}: the {what} of layer {found.name} must be finite, got NaN or infinity"
                )


def _check(program: Program, inputs: tuple[Tensor, ...], expected: Any) -> None:
    """Refuse a program whose output differs from the network's on the example.

    Raises:
        CaptureError: By how much, and at which output.
    """
    leaves = torch.utils._pytree.tree_leaves(expected)  # noqa: SLF001
    given = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    got = program.run(inputs)
    shapes = [[tuple(value.shape) for value in values] for values in (got, given)]
    if shapes[0] != shapes[1]:
        raise CaptureError(
            f"{program.graph.name}: the fused program must have the network's outputs "
            f"{shapes[1]}, got {shapes[0]}"
        )
    for i, (value, want) in enumerate(zip(got, given, strict=True)):
        wrong = (value != want) & ~(value.isnan() & want.isnan())
        if not want.is_floating_point() or not wrong.any():
            continue
        largest = max(want[want.isfinite()].abs().tolist(), default=0.0)
        error = float((value - want)[wrong].abs().max()) / max(largest, 1e-30)
        if not error <= TOLERANCE:
            raise CaptureError(
                f"{program.graph.name}: the fused program must equal the network to "
                f"{TOLERANCE:g} of its largest output, output {i} differs by {error:.2g}"
            )
