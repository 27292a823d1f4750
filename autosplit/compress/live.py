"""A network as operators with live batch norms: what is pruned and trained, and exported again.

``capture`` folds batch norms into convolutions, which is right for a network that is run.  Training
and pruning need them: their statistics move, and their scales say which channels matter.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import ExportedProgram

from autosplit.capture.batch_axis import batched
from autosplit.capture.constants import LEARNED
from autosplit.capture.export import bound_batch, export
from autosplit.capture.flat import flat_operators
from autosplit.capture.inputs import Axes, Structure, batch_axes, structure_of
from autosplit.capture.operators import BATCH_NORMS, DROPOUTS, arguments, is_call
from autosplit.capture.rewrites import drop_checks
from autosplit.errors import CaptureError
from autosplit.files import write_bytes


@dataclass(frozen=True)
class LiveNetwork:
    """A network's operators, with parameters that take gradients and batch norms of their own.

    Attributes:
        name: Name of the network.
        module: The operators; takes the network's inputs in order, gives a tuple of its outputs.
        example: Inputs of the network, one tensor for each.
        axes: Axis of the batch in each input.
        batch_size: The only batch size that it can run; None if it can run any.
    """

    name: str
    module: fx.GraphModule
    example: tuple[Tensor, ...]
    axes: Axes
    batch_size: int | None = None

    def value(self, target: str) -> Tensor:
        """A parameter or a constant by its ``get_attr`` target."""
        found: Any = self.module
        for part in target.split("."):
            found = getattr(found, part)
        assert isinstance(found, Tensor)
        return found

    @property
    def calls(self) -> Iterator[fx.Node]:
        """Its operators in order."""
        return (node for node in self.module.graph.nodes if node.op == "call_function")

    @property
    def tensors(self) -> dict[str, Tensor]:
        """All parameters and constants by target."""
        nodes = self.module.graph.find_nodes(op="get_attr")
        return {str(node.target): self.value(str(node.target)) for node in nodes}

    def inputs(self, batch: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
        """A batch as the module takes it."""
        return (batch,) if isinstance(batch, Tensor) else tuple(batch)


def live_network(
    network: nn.Module | ExportedProgram,
    example: Any,
    name: str = "network",
    batch_axis: int | Sequence[int | None] = 0,
) -> LiveNetwork:
    """The operators of a network, with copies of its parameters.

    Takes what ``capture`` takes, and leaves the network as it was.

    Raises:
        CaptureError: torch.export cannot trace it; or a parameter is not in float32.
    """
    if isinstance(network, nn.Module) and any(module.training for module in network.modules()):
        network = copy.deepcopy(network).eval()
    structure, tensors = structure_of(network, example)
    axes = batch_axes(tensors, batch_axis)
    with torch.no_grad():
        exported = (
            network
            if isinstance(network, ExportedProgram)
            else export(network, tensors, structure, axes, name)[0]
        )
    return _of_program(exported, tensors, axes, name)


def _of_program(
    exported: ExportedProgram, tensors: tuple[Tensor, ...], axes: Axes, name: str
) -> LiveNetwork:
    operators, attributes = flat_operators(exported)
    drop_checks(operators, attributes)
    values: dict[str, Any] = {}
    for node in operators.find_nodes(op="get_attr"):
        value = attributes[str(node.target)]
        if value.is_floating_point() and value.dtype != torch.float32:
            raise CaptureError(
                f"{name}: {node.target} must be float32 to be pruned or trained, is {value.dtype}"
            )
        node.target = str(node.target).replace("/", ".")
        learned = bool(node.meta.get(LEARNED)) and value.is_floating_point()
        if node.target not in values:
            copied = value.detach().clone()
            values[node.target] = nn.Parameter(copied) if learned else copied
    operators.lint()
    batch_size = bound_batch(operators, axes)
    example = batched(tensors, batch_size or 2, axes)
    return LiveNetwork(name, fx.GraphModule(values, operators), example, axes, batch_size)


def exported_again(live: LiveNetwork) -> ExportedProgram:
    """The network as a program of ``torch.export``, with any batch size if it has that now.

    Raises:
        CaptureError: torch.export cannot trace it.
    """
    module = fx.GraphModule(live.module, copy.deepcopy(live.module.graph))
    (results,) = module.graph.output_node().args
    if isinstance(results, tuple) and len(results) == 1:
        module.graph.output_node().args = results
        module.recompile()
    set_training(module, on=False)
    names = tuple(node.name for node in module.graph.find_nodes(op="placeholder"))
    flat = structure_of(live.module, live.example)[0]
    structure = Structure(flat.spec, names, flat.leaves)
    with torch.no_grad():
        return export(module, live.example, structure, live.axes, live.name)[0]


def reloaded(live: LiveNetwork) -> tuple[LiveNetwork, ExportedProgram]:
    """The network exported again, and read back with the shapes that it has now."""
    program = exported_again(live)
    return _of_program(program, live.example, live.axes, live.name), program


def save_program(path: Path, program: ExportedProgram) -> None:
    """Write a program as ``torch.export.save`` does, whole or not at all."""
    data = io.BytesIO()
    torch.export.save(program, data)
    write_bytes(path, data.getvalue())


def set_training(module: fx.GraphModule, *, on: bool) -> None:
    """Let batch norms take statistics of the batch and keep them, and dropout drop; or neither.

    Args:
        module: Operators of a live network; changed in place.
        on: Whether it is trained.
    """
    for node in module.graph.nodes:
        for names, argument in ((BATCH_NORMS, "training"), (DROPOUTS, "train")):
            if is_call(node, *names) and argument in arguments(node):
                node.kwargs = {**arguments(node), argument: on}
                node.args = ()
    module.recompile()
