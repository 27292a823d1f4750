"""Networks that no split can stand for, such as those that keep state or draw random numbers."""

from __future__ import annotations

from operator import getitem

import torch
from torch import fx, nn
from torch.export import ExportedProgram
from torch.export.graph_signature import OutputKind
from torch.fx.experimental.symbolic_shapes import free_unbacked_symbols

from autosplit.capture.constants import Attributes
from autosplit.capture.operators import (
    DROPOUTS,
    RANDOM,
    arguments,
    operator_name,
    source_line,
)
from autosplit.errors import CaptureError

_STATE = (OutputKind.BUFFER_MUTATION, OutputKind.PARAMETER_MUTATION)


def refuse_state(exported: ExportedProgram, name: str) -> None:
    """Refuse a network that writes to its buffers or parameters.

    Raises:
        CaptureError: Names the buffer and the line that writes to it.
    """
    stored = {
        **exported.graph_signature.inputs_to_buffers,
        **exported.graph_signature.inputs_to_parameters,
        **exported.graph_signature.inputs_to_lifted_tensor_constants,
    }
    for node in exported.graph.nodes:  # of a program before its decomposition: in place
        schema = getattr(node.target, "_schema", None)
        if node.op != "call_function" or schema is None or not schema.is_mutable:
            continue
        written = node.args[0] if node.args else None
        while isinstance(written, fx.Node) and written.op == "call_function":
            if not _is_view(written):
                break
            written = written.args[0]
        if isinstance(written, fx.Node) and written.op == "placeholder" and written.name in stored:
            raise _keeps_state(name, stored[written.name], source_line(node))
    for spec in exported.graph_signature.output_specs:
        if spec.kind in _STATE:
            node = next(n for n in exported.graph.nodes if n.name == spec.arg.name)
            raise _keeps_state(name, str(spec.target), source_line(node))


def _is_view(node: fx.Node) -> bool:
    schema = getattr(node.target, "_schema", None)
    aliases = [result.alias_info for result in schema.returns] if schema is not None else []
    return any(alias is not None and not alias.is_write for alias in aliases)


def _keeps_state(name: str, buffer: str, where: str) -> CaptureError:
    return CaptureError(
        f"{name}: {buffer}: a network must not keep state between calls, it writes to a "
        f"buffer{where}; pass the state as an input and return it as an output"
    )


def refuse_complex(network: nn.Module | ExportedProgram, name: str) -> None:
    """Refuse complex parameters and buffers.

    Raises:
        CaptureError: Names the parameter.
    """
    if isinstance(network, ExportedProgram):
        stored = dict(network.state_dict)
    else:
        stored = dict(network.state_dict())
    for key, value in stored.items():
        if isinstance(value, torch.Tensor) and value.is_complex():
            raise CaptureError(
                f"{name}: {key}: a parameter must be real, got {str(value.dtype)[6:]}; store its "
                "real and imaginary part (torch.view_as_real) and join them in forward"
            )


def refuse_unknown_calls(graph: fx.Graph, _: Attributes) -> None:
    """Refuse control flow, dropout in training, random numbers, and shapes that depend on values.

    A number must not be read out of a tensor either.

    Raises:
        CaptureError: Names the operator and the line it comes from.
    """
    for node in graph.nodes:
        if node.op not in ("call_function", "call_module"):
            continue
        name, where = operator_name(node), source_line(node)
        if node.op == "call_module" or isinstance(node.target, torch._ops.HigherOrderOperator):  # noqa: SLF001
            raise CaptureError(
                f"{name}{where}: a network must be plain operators, no control flow or contexts"
            )
        if name in ("item", "_local_scalar_dense"):
            raise CaptureError(f"{name}{where}: a number must not be read out of a tensor")
        if name in DROPOUTS and arguments(node)["train"] is not False:
            raise CaptureError(
                f"{name}{where}: must be exported in eval mode, it is in training; write "
                "F.dropout(x, p, self.training), or nn.Dropout"
            )
        if name in RANDOM and node.users:
            raise CaptureError(
                f"{name}{where}: a network must not draw random numbers, its answer would differ "
                "from call to call; pass them as an input"
            )
    for node in graph.output_node().all_input_nodes:
        value = node.meta.get("val")
        if isinstance(value, torch.Tensor) and free_unbacked_symbols(value):
            writer = node.all_input_nodes[0] if node.target is getitem else node
            raise CaptureError(
                f"{operator_name(writer)}{source_line(writer)}: the shape of an answer must not "
                f"depend on values, it is ({', '.join(map(str, value.shape))}); give answers of "
                "one shape"
            )
