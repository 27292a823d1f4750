"""The configuration that Triton needs beside a model of ONNX: ``config.pbtxt``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto

SERVER_BATCH = 64
"""Samples that a server may put into one run."""


def triton_config(name: str, model: ModelProto) -> str:
    """The text of ``config.pbtxt``.

    Args:
        name: Name of the model, which is the name of its folder.
        model: Its first axis is the batch in every input and output.
    """
    parts = [f'name: "{name}"', 'backend: "onnxruntime"', f"max_batch_size: {SERVER_BATCH}"]
    for word, tensors in (("input", model.graph.input), ("output", model.graph.output)):
        listed = ",\n".join(_tensor(one) for one in tensors)
        parts.append(f"{word} [\n{listed}\n]")
    parts.append("dynamic_batching { max_queue_delay_microseconds: 2000 }")
    return "\n".join([*parts, ""])


def _tensor(info: ValueInfoProto) -> str:
    from onnx import TensorProto

    kinds: dict[int, str] = {
        TensorProto.UINT8: "TYPE_UINT8",
        TensorProto.UINT16: "TYPE_UINT16",
        TensorProto.FLOAT16: "TYPE_FP16",
        TensorProto.FLOAT: "TYPE_FP32",
        TensorProto.INT32: "TYPE_INT32",
        TensorProto.INT64: "TYPE_INT64",
        TensorProto.BOOL: "TYPE_BOOL",
    }
    kind = info.type.tensor_type
    sides = [side.dim_value or -1 for side in kind.shape.dim][1:]
    return (
        f'  {{ name: "{info.name}", data_type: {kinds[kind.elem_type]}, '
        f"dims: [ {', '.join(map(str, sides))} ] }}"
    )
