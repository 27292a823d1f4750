"""A module as an ONNX model: the export itself, and constants that are stored packed."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from autosplit.deploy.onnx_unpack import UnpackNodes
from autosplit.deploy.quantize_operators import OPSET, onnx_translations
from autosplit.errors import ModelError
from autosplit.halves.wire.pack import pack_rows

if TYPE_CHECKING:
    from onnx import ModelProto

SMALL = 64
"""Constants of up to this many elements stay as they are: the nodes that unpack cost more."""


class UnknownOperatorError(ModelError):
    """ONNX has no form of an operator.

    Args:
        layer: The layer that the operator belongs to.
        operator: Its name, as the exporter takes operators apart.
    """

    def __init__(self, layer: str, operator: str) -> None:
        super().__init__(
            f"export: {layer}: ONNX has no form of its operator {operator}; --format pt2,c leaves "
            "ONNX out"
        )
        self.operator = operator


class AnyInputs(nn.Module):
    """A half, or a whole program, as a module of any number of inputs."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """What the inner module writes, unchanged."""
        written: tuple[Tensor, ...] = self.inner(*inputs)
        return written


def export_onnx(
    module: nn.Module,
    example: Sequence[Tensor],
    axes: Sequence[int | None],
    inputs: Sequence[str],
    outputs: Sequence[str],
) -> ModelProto:
    """A module as an ONNX model with a batch of any size.

    Args:
        module: Takes any number of tensors, ``*tensors``, and gives a tuple; quantization in it by
            the operators of ``quantize_operators``.
        example: One tensor for each input, with at least two samples.
        axes: Axis of the batch of each input; None: it has none.
        inputs: Names of the inputs.
        outputs: Names of the outputs.

    Raises:
        UnknownOperatorError: ONNX has no form of an operator.
        ModelError: ONNX does not take the module for another reason.
    """
    dynamic = [{} if axis is None else {axis: torch.export.Dim.DYNAMIC} for axis in axes]
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            exported = torch.onnx.export(
                module,
                tuple(example),
                dynamo=True,
                opset_version=OPSET,
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_shapes=(tuple(dynamic),),
                custom_translation_table=onnx_translations(),
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        operator = _unknown_operator(error)
        if operator is not None:
            raise UnknownOperatorError("the network", operator) from error
        reason = str(_first_cause(error)).strip().splitlines() or [type(error).__name__]
        raise ModelError(f"export: ONNX must take the network, {reason[0]}") from error
    assert exported is not None
    return _without_traces(exported.model_proto)


def _first_cause(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _unknown_operator(error: BaseException) -> str | None:
    """The operator that an error of the exporter names, such as prims.bessel_i0e."""
    found: BaseException | None = error
    named = None
    while found is not None:
        named = re.search(r"op='([^']+)'", str(found)) or named
        found = found.__cause__
    return None if named is None else named[1]


def _without_traces(model: ModelProto) -> ModelProto:
    """The model without what the exporter notes of the code that it came from."""
    graph = model.graph
    del model.metadata_props[:], graph.metadata_props[:], graph.value_info[:]
    model.producer_name, model.producer_version, graph.name = "autosplit", "", "half"
    for part in (*graph.node, *graph.initializer, *graph.input, *graph.output, graph, model):
        part.doc_string = ""
        del part.metadata_props[:]
    return model


def pack_constants(
    model: ModelProto,
    widths: Mapping[str, int],
    offsets: Mapping[str, npt.NDArray[np.uint8]] = MappingProxyType({}),
) -> None:
    """Store integers of a model at their widths, with nodes that unpack them.

    Args:
        model: Changed in place.
        widths: Last part of a constant's name -> its width; one of 8 bits or more stays as it is.
        offsets: Last part of a constant's name -> what its integers are above those that its width
            holds, in a shape that broadcasts to theirs.
    """
    from onnx import numpy_helper

    graph = model.graph
    made = UnpackNodes("unpack")
    for place, stored in reversed(list(enumerate(graph.initializer))):
        last = stored.name.rpartition(".")[2]
        bits, offset = widths.get(last, 8), offsets.get(last)
        codes = numpy_helper.to_array(stored)
        if bits >= 8 or codes.size <= SMALL:
            continue
        narrow = codes if offset is None else (codes - offset).astype(np.uint8)
        packed = pack_rows(narrow.reshape(1, -1), bits)
        del graph.initializer[place]
        name = f"{stored.name}/packed"
        made.constants.append(numpy_helper.from_array(packed, name))
        made.unpack(name, bits, codes.size, codes.shape, stored.name, offset)
    made.add_to(graph)
