"""From a network and an example input to a fused program and its graph.

``torch.export`` gives a flat list of ATen operators, whatever the Python looked like: functions,
views, shared modules and in-place operators need no case of their own.  ``fuse`` rewrites that
program; here its operators are grouped into layers, named after their modules, and counted.
Views and other movements belong to whoever wrote the tensor: they are repeated by its readers, so
the tensor of a layer is always what its last computing operator wrote.
"""

from __future__ import annotations

import copy
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import getitem
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import Dim, ExportedProgram

from autosplit import fuse
from autosplit.errors import CaptureError
from autosplit.graph import Gemm, Graph, Layer, Shape

Watch = Callable[[str, Tensor], None]
MAX_BATCH = 65_536
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
class BatchLayout:
    """Where the batch is in a tensor: some networks put it second, or merge it with positions.

    Attributes:
        axis: Axis that grows with the batch; None if none does (the same for any batch).
        factor: Length of that axis for one sample.
        outer: Whether the axis counts samples in its outer part (one sample's positions are
            neighbours), and not in its inner part.
    """

    axis: int | None
    factor: int = 1
    outer: bool = True

    def samples_first(self, value: Tensor) -> Tensor:
        """The tensor as (batch, ...); a tensor without a batch axis is one sample."""
        if self.axis is None:
            return value.unsqueeze(0)
        split = (-1, self.factor) if self.outer else (self.factor, -1)
        value = value.unflatten(self.axis, split)
        return value.movedim(self.axis + (0 if self.outer else 1), 0)

    def batch(self, value: Tensor) -> int:
        """Number of samples in the tensor."""
        return 1 if self.axis is None else value.shape[self.axis] // self.factor

    def sample_shape(self, shape: Shape) -> Shape:
        """Shape of one sample; a batch axis of one position per sample is left out."""
        if self.axis is None:
            return shape
        own = () if self.factor == 1 else (self.factor,)
        return (*shape[: self.axis], *own, *shape[self.axis + 1 :])


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
    """

    graph: Graph
    module: fx.GraphModule
    nodes: Mapping[str, str]
    weights: Mapping[str, WeightRef]
    layouts: Mapping[str, BatchLayout]
    batch_size: int | None = None

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
        """
        tensor_of = {node: tensor for tensor, node in self.nodes.items()}
        with torch.no_grad():
            return _Watched(self.module, tensor_of, watch).run(*inputs)  # type: ignore[no-any-return]


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
    allows it.  What is captured is checked: its output on the example equals the network's.

    Args:
        network: A module (captured in eval mode), or a saved torch.export program.
        example: One example input per argument, each (batch, ...), float32.
        name: Name of the network.

    Raises:
        CaptureError: torch.export cannot trace it (says where), an operator has several outputs
            that are read, or the fused program does not give the network's output.
    """
    example = tuple(example)
    with torch.no_grad():
        exported, batch_size = _export(network, example, name)
        expected = exported.module()(*_batched(example, batch_size))
    program = _build(exported, example, name, batch_size)
    _check(program, _batched(example, batch_size), expected)
    return program


def _export(
    network: nn.Module | ExportedProgram, example: tuple[Tensor, ...], name: str
) -> tuple[ExportedProgram, int | None]:
    """Exported program, functional, and the batch size it is bound to (None: any)."""
    if isinstance(network, ExportedProgram):
        return network.run_decompositions({}), _bound_batch(network)
    if any(module.training for module in network.modules()):
        network = copy.deepcopy(network).eval()
    batch = Dim("batch", min=1, max=MAX_BATCH)
    dynamic = tuple({0: batch} for _ in example)
    two = _batched(example, 2)
    try:
        exported = torch.export.export(network, two, dynamic_shapes=dynamic, strict=False)
    except Exception:  # noqa: BLE001 - whatever forbids a dynamic batch, a fixed one may do
        try:
            exported = torch.export.export(network, _batched(example, 1), strict=False)
        except Exception as error:
            raise CaptureError(_explain(error, name)) from error
    return exported.run_decompositions({}), _bound_batch(exported)


def _explain(error: Exception, name: str) -> str:
    """One line from a torch.export failure: what went wrong and at which line of whose file."""
    text = str(error)
    places = re.findall(r'File "([^"]+)", line (\d+), in (\w+)', text)
    if not places:
        frames = []
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            frames.append((code.co_filename, str(trace.tb_lineno), code.co_name))
            trace = trace.tb_next
        places = frames
    own = [place for place in places if "/torch/" not in place[0] and "autosplit" not in place[0]]
    where = "{}:{} in {}".format(*(own or places)[-1]) if places else "unknown place"
    first = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    return f"{name}: torch.export must be able to trace the network, failed at {where}: {first}"


def _bound_batch(exported: ExportedProgram) -> int | None:
    """Batch size that the first user input is bound to, None where it is symbolic."""
    first = exported.graph_signature.user_inputs[0]
    for node in exported.graph.nodes:
        if node.op == "placeholder" and node.name == first:
            size = node.meta["val"].shape[0]
            return size if isinstance(size, int) else None
    return None


def _batched(example: Sequence[Tensor], batch: int | None) -> tuple[Tensor, ...]:
    """The example with this many samples, repeated or cut; None leaves it alone."""
    if batch is None:
        return tuple(example)
    return tuple(
        torch.cat([tensor] * math.ceil(batch / len(tensor)))[:batch].contiguous()
        for tensor in example
    )


def _build(
    exported: ExportedProgram, example: tuple[Tensor, ...], name: str, batch_size: int | None
) -> Program:
    """Rewrite the exported operators, group them and describe each group."""
    operators, attributes = _unlift(exported)
    for rewrite in fuse.REWRITES:
        rewrite(operators, attributes)
    operators.lint()
    used = {str(node.target) for node in operators.nodes if node.op == "get_attr"}
    kept = {target: attributes[target].contiguous() for target in sorted(used)}
    module = fx.GraphModule(kept, operators)
    layouts, sizes = _probe(module, example, batch_size)
    groups = _group(operators)
    _name(groups)
    return _describe(module, groups, layouts, sizes, name, batch_size)


def _unlift(exported: ExportedProgram) -> tuple[fx.Graph, fuse.Attributes]:
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
    attributes: fuse.Attributes = {}
    same: dict[tuple[int, Shape, Shape], str] = {}
    operators = fx.Graph()
    copied: dict[fx.Node, fx.Node] = {}
    for node in exported.graph.nodes:
        if node.op == "placeholder" and node.name in lifted:
            value = stored[lifted[node.name]].detach()
            key = (value.data_ptr(), tuple(value.shape), tuple(value.stride()))
            target = same.setdefault(key, lifted[node.name].replace(".", "/"))
            attributes[target] = value
            copied[node] = operators.get_attr(target)
            copied[node].meta = {**node.meta}
        elif node.op == "output":
            written = set(signature.user_outputs)
            results = [arg for arg in node.args[0] if arg is not None and arg.name in written]
            operators.output(tuple(copied[arg] for arg in results))
        else:
            copied[node] = operators.node_copy(node, lambda arg: copied[arg])
    return operators, attributes


def _probe(
    module: fx.GraphModule, example: tuple[Tensor, ...], batch_size: int | None
) -> tuple[dict[fx.Node, BatchLayout], dict[fx.Node, Any]]:
    """Run one and two samples to learn where the batch is in every value.

    Returns:
        The layout of every tensor, and of every node its shape for one sample (a tensor) or its
        value for one sample (a number that grows with the batch).
    """
    if batch_size is not None:
        (values,) = _record(module, [_batched(example, batch_size)])
        layouts: dict[fx.Node, BatchLayout] = {}
        sizes: dict[fx.Node, Any] = {}
        for node, value in values.items():
            if isinstance(value, Tensor):
                layouts[node] = _bound_layout(value, batch_size)
                sizes[node] = layouts[node].sample_shape(tuple(value.shape))
        return layouts, sizes
    generator = torch.Generator().manual_seed(0)
    one = tuple(tensor[:1] for tensor in example)
    two = tuple(
        torch.cat([t, t + torch.randn(t.shape, generator=generator).to(t.dtype)]) for t in one
    )
    first, second = _record(module, [one, two])
    layouts, sizes = {}, {}
    for node, value in first.items():
        if isinstance(value, Tensor):
            layouts[node] = _layout(value, second[node])
            sizes[node] = layouts[node].sample_shape(tuple(value.shape))
        elif isinstance(value, int) and second[node] != value:
            sizes[node] = value
    return layouts, sizes


def _record(module: fx.GraphModule, runs: list[tuple[Tensor, ...]]) -> list[dict[fx.Node, Any]]:
    """Every value of each run, by node."""
    recorded = []
    for inputs in runs:
        interpreter = fx.Interpreter(module, garbage_collect_values=False)
        with torch.no_grad():
            interpreter.run(*inputs)
        recorded.append(interpreter.env)
    return recorded


def _layout(one: Tensor, two: Tensor) -> BatchLayout:
    """Layout of a tensor from its value for one sample, and for that sample and another."""
    axes = [i for i, (a, b) in enumerate(zip(one.shape, two.shape, strict=True)) if a != b]
    if not axes:
        return BatchLayout(None)
    axis = axes[0]
    factor = one.shape[axis]
    outer = BatchLayout(axis, factor, outer=True)
    inner = BatchLayout(axis, factor, outer=False)
    if factor == 1 or not one.is_floating_point():
        return outer
    first = one.unsqueeze(0).movedim(0, 0)
    error = [
        float((layout.samples_first(two)[:1] - first).abs().max()) for layout in (outer, inner)
    ]
    return outer if error[0] <= error[1] else inner


def _bound_layout(value: Tensor, batch_size: int) -> BatchLayout:
    """Layout of a tensor of a program that runs one batch size only: the batch comes first."""
    if value.dim() == 0 or value.shape[0] % batch_size:
        return BatchLayout(None)
    return BatchLayout(0, value.shape[0] // batch_size)


@dataclass
class _Group:
    """Operators that become one layer; ``nodes[0]`` is its root, ``nodes[-1]`` is its output."""

    nodes: list[fx.Node]
    name: str = ""

    @property
    def root(self) -> fx.Node:
        return self.nodes[0]

    @property
    def output(self) -> fx.Node:
        return self.nodes[-1]


def _group(operators: fx.Graph) -> list[_Group]:
    """Layers of a program, ordered by the node that writes their tensor."""
    groups: dict[fx.Node, _Group] = {}
    for node in operators.nodes:
        if node.op != "call_function" or not fuse.holds_tensor(node):
            continue
        source = node.args[0] if node.target is getitem else fuse.producer_of(node)
        if isinstance(source, fx.Node) and source in groups:
            group = groups.pop(source)
            group.nodes.append(node)
            groups[node] = group
        elif not fuse.is_movement(node):
            groups[node] = _Group([node])
    order = {node: i for i, node in enumerate(operators.nodes)}
    return sorted(groups.values(), key=lambda group: order[group.output])


def _name(groups: list[_Group]) -> None:
    """Name every layer after the module it came from, and make the names unique.

    A layer with a weight is named after the module that holds the weight.  Another is named after
    its module if that module has no other layer and no submodule, else with its kind appended.
    """
    paths = [_module_path(group) for group in groups]
    count = Counter(paths)
    inner = {path.rpartition(".")[0] for path in paths}
    taken: Counter[str] = Counter()
    for group, path in zip(groups, paths, strict=True):
        weight = fuse.weight_argument(group.root)
        if weight is not None and not str(weight.target).startswith("_constant"):
            name = _weight_path(str(weight.target))
        elif path and count[path] == 1 and path not in inner:
            name = path
        else:
            kind = fuse.kind_of(group.root).replace("aten.", "")
            name = f"{path}.{kind}" if path else kind
        taken[name] += 1
        group.name = name if taken[name] == 1 else f"{name}_{taken[name]}"
    assert len({group.name for group in groups}) == len(groups)


def _module_path(group: _Group) -> str:
    """Path of the module that called a layer's root, empty for the network itself."""
    stack = group.root.meta.get("nn_module_stack") or {}
    path = next(reversed(list(stack.values())), ("",))[0]
    return re.sub(r"^L__self__\.?|@\d+", "", str(path))


def _weight_path(target: str) -> str:
    """Layer name from a weight's target: ``layer1/0/conv1/weight_folded`` -> layer1.0.conv1."""
    *module, leaf = target.rstrip("_").split("/")
    leaf = leaf.removesuffix("_folded").removesuffix("weight").removesuffix("_")
    return ".".join([*module, leaf] if leaf else module) or "weight"


def _describe(
    module: fx.GraphModule,
    groups: list[_Group],
    layouts: Mapping[fx.Node, BatchLayout],
    sizes: Mapping[fx.Node, Any],
    name: str,
    batch_size: int | None,
) -> Program:
    """The program and its graph, once every operator has found its layer."""
    inputs = {node.name: node for node in module.graph.nodes if node.op == "placeholder"}
    tensor_of = {node: tensor for tensor, node in inputs.items()}
    tensor_of |= {group.output: group.name for group in groups}
    owners: dict[str, str] = {}
    counted: set[str] = set()
    layers, weights = [], {}
    for group in groups:
        weight = fuse.weight_argument(group.root)
        if weight is not None and str(weight.target) not in owners:
            owners[str(weight.target)] = group.name
            axis = fuse.output_axis(group.root)
            weights[group.name] = WeightRef(str(weight.target), axis)
        counted |= set(owners)
        layers.append(_layer(group, tensor_of, sizes, owners, counted))
    (results,) = next(node for node in reversed(module.graph.nodes) if node.op == "output").args
    outputs = [tensor_of[base] for base in map(fuse.base_of, results) if base in tensor_of]
    graph = Graph(
        name=name,
        inputs={tensor: sizes[node] for tensor, node in inputs.items()},
        layers=tuple(layers),
        outputs=tuple(dict.fromkeys(outputs)),
    )
    for node, size in sizes.items():
        if isinstance(size, int):
            node.meta["per_sample"] = size
    return Program(
        graph=graph,
        module=module,
        nodes={tensor: node.name for node, tensor in tensor_of.items()},
        weights=weights,
        layouts={tensor: layouts[node] for node, tensor in tensor_of.items()},
        batch_size=batch_size,
    )


def _layer(
    group: _Group,
    tensor_of: Mapping[fx.Node, str],
    sizes: Mapping[fx.Node, Any],
    owners: Mapping[str, str],
    counted: set[str],
) -> Layer:
    """Describe one layer; parameters that are not its weight are counted where first read."""
    read: dict[str, list[Shape]] = {}
    fixed = 0
    own = set(group.nodes)
    for node in group.nodes:
        for argument in fuse.tensor_arguments(node):
            if argument in own:
                continue
            base = fuse.base_of(argument)
            if base in tensor_of:
                read.setdefault(tensor_of[base], []).append(sizes[argument])
            elif base.op == "get_attr" and str(base.target) not in counted:
                counted.add(str(base.target))
                fixed += math.prod(base.meta["val"].shape)
    weight = fuse.weight_argument(group.root)
    elements = math.prod(weight.meta["val"].shape) if weight is not None else 0
    bases = {name: node for node, name in tensor_of.items() if name in read}
    output = sizes[group.output]
    root = group.root
    return Layer(
        name=group.name,
        kind="linear"
        if weight is not None and fuse.kind_of(root) != "conv"
        else fuse.kind_of(root),
        inputs=tuple(read),
        input_shapes=tuple(
            shapes[0] if len(shapes) == 1 else sizes[bases[name]] for name, shapes in read.items()
        ),
        output_shape=output,
        weight_elements=elements,
        weight_channels=(
            weight.meta["val"].shape[fuse.output_axis(root)] if weight is not None else 0
        ),
        weight_owner=owners[str(weight.target)] if weight is not None else "",
        fixed_elements=fixed,
        gemms=_gemms(root, sizes),
        operators=tuple(
            fuse.operator_name(node) for node in group.nodes if node.target is not getitem
        ),
        **_window(root, sizes),
    )


def _gemms(root: Any, sizes: Mapping[fx.Node, Any]) -> tuple[Gemm, ...]:
    """Matrix multiplications of a layer for one sample."""
    kind = fuse.kind_of(root)
    weight = fuse.weight_argument(root)
    if weight is None and kind not in ("conv", "matmul", "attention"):
        return ()
    output: Shape = sizes[root]
    elements = math.prod(output)
    if kind == "conv":
        call = fuse.arguments(root)
        shape = tuple(call["weight"].meta["val"].shape)
        groups = call["groups"]
        if fuse.output_axis(root) == 1:
            pixels = math.prod(sizes[call["input"]]) // shape[0]
            return (Gemm(pixels, shape[0] // groups, math.prod(shape[1:]), groups),)
        return (Gemm(elements // shape[0], math.prod(shape[1:]), shape[0] // groups, groups),)
    if weight is not None:
        shape = tuple(weight.meta["val"].shape)
        filters = shape[fuse.output_axis(root)]
        return (Gemm(elements // filters, math.prod(shape) // filters, filters),)
    if kind == "matmul":
        left = root.args[1 if fuse.is_call(root, "addmm", "baddbmm") else 0]
        columns = output[-1]
        rows = output[-2] if len(output) > 1 else 1
        return (Gemm(rows, sizes[left][-1], columns, elements // (rows * columns)),)
    if kind == "attention":
        query, key, value = (sizes[root.args[i]] for i in range(3))
        heads = math.prod(query) // (query[-1] * query[-2])
        scores = Gemm(query[-2], query[-1], key[-2], heads)
        return (scores, Gemm(query[-2], key[-2], value[-1], heads))
    return ()


def _window(root: Any, sizes: Mapping[fx.Node, Any]) -> dict[str, Any]:
    """Kernel, stride, padding and groups of a convolution or a pool."""
    kind = fuse.kind_of(root)
    if kind == "conv":
        call = fuse.arguments(root)
        kernel = tuple(call["weight"].meta["val"].shape[2:])
        stride, dilation = (_each(call[key], len(kernel)) for key in ("stride", "dilation"))
        if call["padding"] == "same":
            padding = tuple(d * (k - 1) // 2 for d, k in zip(dilation, kernel, strict=True))
        elif call["padding"] == "valid":
            padding = (0,) * len(kernel)
        else:
            padding = _each(call["padding"], len(kernel))
        return {"kernel": kernel, "stride": stride, "padding": padding, "groups": call["groups"]}
    if kind not in ("max_pool", "avg_pool"):
        return {}
    call = fuse.arguments(root)
    before, after = sizes[root.args[0]], sizes[root]
    if "kernel_size" not in call:
        dims = len(call["output_size"])
        spans = zip(before[-dims:], after[-dims:], strict=True)
        kernel = tuple(math.ceil(a / b) for a, b in spans)
        return {"kernel": kernel, "stride": kernel, "padding": (0,) * dims}
    dims = len(call["kernel_size"])
    kernel = _each(call["kernel_size"], dims)
    stride = _each(call["stride"], dims) if call["stride"] else kernel
    return {"kernel": kernel, "stride": stride, "padding": _each(call["padding"], dims)}


def _each(value: Any, dims: int) -> Shape:
    """One number per spatial dimension."""
    numbers = (value,) if isinstance(value, int) else tuple(value)
    return numbers * dims if len(numbers) == 1 else numbers


def _check(program: Program, inputs: tuple[Tensor, ...], expected: Any) -> None:
    """Refuse a program whose output differs from the network's on the example.

    Raises:
        CaptureError: By how much, and at which output.
    """
    given = [leaf for leaf in torch.utils._pytree.tree_leaves(expected) if leaf is not None]  # noqa: SLF001
    for i, (got, want) in enumerate(zip(program.run(inputs), given, strict=True)):
        if not got.is_floating_point():
            continue
        error = float((got - want).abs().max()) / max(float(want.abs().max()), 1e-30)
        if not (error <= TOLERANCE or math.isnan(error)):
            raise CaptureError(
                f"{program.graph.name}: the fused program must equal the network to "
                f"{TOLERANCE:g} of its largest output, output {i} differs by {error:.2g}"
            )
