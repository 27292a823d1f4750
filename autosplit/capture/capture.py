"""From a network and an example input to a fused program and its graph.

``torch.export`` gives a flat list of ATen operators, whatever the Python looked like: functions,
views, shared modules and in-place operators need no case of their own.  ``rewrites`` changes that
list, ``layout`` finds the batch in it, and ``layers`` groups and describes its operators.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import ExportedProgram

from autosplit.capture.batch_axis import (
    batched,
    find_layouts,
    refuse_answers_of_batches,
    refused_batch,
)
from autosplit.capture.check import check_answers
from autosplit.capture.constants import Attributes
from autosplit.capture.export import bound_batch, export
from autosplit.capture.flat import flat_operators, unlift
from autosplit.capture.groups import Group, group
from autosplit.capture.infinities import (
    copy_infinite,
    infinite_in_example,
    masked_inputs,
    refuse_infinite,
)
from autosplit.capture.inputs import Axes, batch_axes, structure_of
from autosplit.capture.integers import integer_tensors
from autosplit.capture.layers import TensorFacts, describe_layers
from autosplit.capture.masks import note_least
from autosplit.capture.mixing import sample_mixer
from autosplit.capture.operators import (
    arguments,
    base_of,
    is_call,
    operator_name,
    output_axis,
    source_line,
    weight_argument,
)
from autosplit.capture.output_names import answer_names
from autosplit.capture.precision import to_float32
from autosplit.capture.program import Program, Trained, WeightRef
from autosplit.capture.refusals import refuse_complex, refuse_state
from autosplit.capture.rewrites import REWRITES, drop_checks
from autosplit.errors import CaptureError, ModelError, warn
from autosplit.graph.graph import Graph, Tail


def capture(
    network: nn.Module | ExportedProgram,
    example: Any,
    name: str = "network",
    batch_axis: int | Sequence[int | None] = 0,
) -> Program:
    """Capture a network with torch.export and fuse its operators into layers.

    The caller's module is left as it was.  The batch dimension is dynamic where the network
    allows it.  The program is checked: on the example it must give the network's output; a network
    in half or double precision is compared with its own operators in float32.

    Args:
        network: A module (captured in eval mode), or a saved torch.export program.
        example: An example input: one tensor, a tuple with one entry for each argument, or a
            mapping of arguments by name; entries may nest.  Floats become float32, integers stay.
        name: Name of the network.
        batch_axis: Axis of the batch in all tensors of the example, or in each, in order; None
            for a tensor that is the same for any batch.

    Raises:
        CaptureError: torch.export cannot trace it (says where), an operator has several outputs
            that are read, or the fused program does not give the network's output.
        ModelError: A weight or a bias is NaN or infinite.
    """
    if isinstance(network, nn.Module) and any(module.training for module in network.modules()):
        network = copy.deepcopy(network).eval()
    refuse_complex(network, name)
    structure, tensors = structure_of(network, example)
    axes = batch_axes(tensors, batch_axis)
    with torch.no_grad():
        if isinstance(network, ExportedProgram):
            exported, keeps = network, False
        else:
            exported, keeps = export(network, tensors, structure, axes, name)
        if keeps:
            network = copy.deepcopy(network)
        refuse_state(exported, name)
        tensors = tuple(x.float() if x.is_floating_point() else x for x in tensors)
        program, unfused = _build(exported, tensors, axes, name)
        program = replace(program, structure=structure, graph=_with_tail(program.graph, network))
        size = program.batch_size
        if size is None and _squeezes(exported):  # of one sample, it may remove the batch axis too
            size = 2
        inputs = batched(tensors, size, axes)
        copies = tuple(tensor.clone() for tensor in inputs)
        if unfused is not None:
            expected = unfused(*copies)
        else:
            module = network if isinstance(network, nn.Module) else network.module()
            with refused_batch(f"{name}: must answer a batch of {size or 'any size'}"):
                expected = structure.call(module, copies)
    check_answers(program, inputs, expected, lambda: unfused or _copied(*unlift(exported)))
    return program


def _build(
    exported: ExportedProgram, example: tuple[Tensor, ...], axes: Axes, name: str
) -> tuple[Program, fx.GraphModule | None]:
    """Rewrite the exported operators, group them and describe_layers each group.

    Returns:
        The program; and, if it does not compute in the types of the network, its operators before
        they were fused.
    """
    operators, attributes = flat_operators(exported)
    note_least(operators, example)
    cast_from = to_float32(operators, attributes)
    unfused = _copied(operators, attributes) if cast_from else None
    for rewrite in REWRITES:
        rewrite(operators, attributes)
    operators.lint()
    used = {str(node.target) for node in operators.nodes if node.op == "get_attr"}
    kept = {target: attributes[target].contiguous() for target in sorted(used)}
    module = fx.GraphModule(kept, operators)
    batch_size = bound_batch(operators, axes)
    layouts, sizes, values = find_layouts(module, example, axes, batch_size)
    refuse_answers_of_batches(module, layouts, batch_size, name)
    mixer = sample_mixer(module, example, axes, batch_size, layouts)
    if mixer is not None:
        batch_size = _one_at_a_time(mixer, batch_size, name)
    infinite = copy_infinite(operators, (layouts, sizes, values))
    module.recompile()
    groups = group(operators, infinite)
    if not groups:
        raise CaptureError(f"{name}: must have at least one layer, got none")
    _check_numbers(groups, attributes, name)
    written = ((found.name, found.output) for found in groups)
    refuse_infinite(written, infinite_in_example(infinite, layouts, values))
    weights = _weights(groups)
    inputs = {node: node.name for node in operators.nodes if node.op == "placeholder"}
    tensor_of = inputs | {found.output: found.name for found in groups}
    owners = {weight.target: layer for layer, weight in weights.items()}
    _keep_sizes(sizes)
    (results,) = next(node for node in reversed(operators.nodes) if node.op == "output").args
    outputs = [tensor_of[base] for base in map(base_of, results) if base in tensor_of]
    graph = Graph(
        name=name,
        inputs={tensor: sizes[node] for node, tensor in inputs.items()},
        layers=tuple(describe_layers(groups, TensorFacts(tensor_of, sizes, owners))),
        outputs=tuple(dict.fromkeys(outputs)),
        integers=integer_tensors(tensor_of, values | dict(zip(inputs, example, strict=True))),
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
        answers=answer_names(exported),
        masked=masked_inputs(values),
    )
    return program, unfused


def _keep_sizes(sizes: Mapping[fx.Node, Any]) -> None:
    """Tell the nodes that are a number how many of it belong to one sample."""
    for node, size in sizes.items():
        if isinstance(size, int):
            node.meta["per_sample"] = size


def _with_tail(graph: Graph, network: nn.Module | ExportedProgram) -> Graph:
    """The graph with what a network says that is computed in floats behind it (``float_tail``)."""
    describe = getattr(network, "float_tail", None)
    if describe is None:
        return graph
    return replace(graph, tail=Tail(graph.layers[-1].name, describe()))


def _squeezes(exported: ExportedProgram) -> bool:
    """Whether a network removes axes of length 1."""
    return any(is_call(node, "squeeze") for node in exported.graph.nodes)


def _copied(operators: fx.Graph, attributes: Attributes) -> fx.GraphModule:
    """A module of the operators as they are now."""
    copied = fx.Graph()
    copied.output(copied.graph_copy(operators, {}))
    drop_checks(copied, attributes)
    return fx.GraphModule(dict(attributes), copied)


def _trained(operators: fx.Graph) -> Trained | None:
    """What the first batch norm of a program learned, whether it is folded or a layer."""
    marked = (node for node in operators.nodes if "deviation" in node.meta)
    first = next(marked, None)
    return (
        None
        if first is None
        else Trained(first.name, first.meta["deviation"], first.meta["centre"])
    )


def _weights(groups: Sequence[Group]) -> dict[str, WeightRef]:
    """Layer -> the weight that it stores; a shared weight is stored by its first reader."""
    owners: dict[str, WeightRef] = {}
    for found in groups:
        weight = weight_argument(found.root)
        if weight is not None and str(weight.target) not in {ref.target for ref in owners.values()}:
            owners[found.name] = WeightRef(str(weight.target), output_axis(found.root))
    return owners


def _one_at_a_time(mixer: fx.Node, batch_size: int | None, name: str) -> int:
    """The batch size of a program that mixes samples: 1.

    Raises:
        CaptureError: The program can run another batch size alone.
    """
    mixes = f"{operator_name(mixer)}{source_line(mixer)}: mixes the samples of a batch"
    if batch_size is not None:
        raise CaptureError(
            f"{mixes}, so it must be captured with one sample, the example has {batch_size}"
        )
    warn(f"{name}: {mixes}; samples are run one at a time, as on a device")
    return 1


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
