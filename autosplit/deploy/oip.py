"""The Open Inference Protocol, version 2 (KServe), over HTTP with the binary tensor extension.

A request or an answer is a JSON object, then the bytes of the tensors that it names as binary, one
after the other; the header ``Inference-Header-Content-Length`` says where the JSON ends.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autosplit.deploy.tensor_bytes import DTYPES, TensorValue, datatype_of, from_raw, raw_bytes
from autosplit.errors import DataError

LENGTH_HEADER = "Inference-Header-Content-Length"
PLAN_ID = "plan_id"
"""Parameter of a request: see ``InferRequest``."""
RUN_US, SERVER_US = "run_us", "server_us"
"""Parameters of an answer: see ``cloud_times``."""
_MOST_AXES = 8


@dataclass(frozen=True)
class InferRequest:
    """One request.

    Attributes:
        inputs: Tensor -> value; of type BYTES: an array of objects, each ``bytes``.
        outputs: Names of the outputs that are asked for; empty: all.
        binary: Whether the answer's tensors are to be bytes and no JSON.
        id: What the answer repeats.
        binary_outputs: Output -> whether it is asked for as bytes.
        plan_id: Digest of the halves of the plan that the sender has, which those of the server
            must have too; empty: not told, as by clients that are not autosplit's.
    """

    inputs: Mapping[str, TensorValue]
    outputs: Sequence[str] = ()
    binary: bool = True
    id: str = ""
    binary_outputs: Mapping[str, bool] = field(default_factory=dict)
    plan_id: str = ""

    def is_binary(self, name: str) -> bool:
        """Whether an output is asked for as bytes."""
        return self.binary_outputs.get(name, self.binary)


def encode_request(request: InferRequest) -> tuple[bytes, int]:
    """A request as bytes, and the length of its JSON."""
    parts = {name: raw_bytes(value) for name, value in request.inputs.items()}
    head: dict[str, Any] = {
        "inputs": [
            {
                "name": name,
                "shape": list(value.shape),
                "datatype": datatype_of(value),
                "parameters": {"binary_data_size": len(parts[name])},
            }
            for name, value in request.inputs.items()
        ],
        "parameters": {"binary_data_output": request.binary},
    }
    if request.plan_id:
        head["parameters"][PLAN_ID] = request.plan_id
    if request.id:
        head["id"] = request.id
    if request.outputs:
        head["outputs"] = [{"name": name} for name in request.outputs]
    text = json.dumps(head, separators=(",", ":")).encode()
    return b"".join([text, *parts.values()]), len(text)


def decode_request(body: bytes, header_length: int | None) -> InferRequest:
    """Read a request.

    Args:
        body: The body.
        header_length: Bytes of its JSON; None: all.

    Raises:
        DataError: It is no request.
    """
    head, rest = _head(body, header_length)
    inputs = _tensors(head, "inputs", rest)
    parameters = _mapping(head.get("parameters", {}), "parameters")
    outputs = head.get("outputs", [])
    if not isinstance(outputs, list):
        raise DataError(f"outputs: must be a list, got {outputs!r:.60}")
    wanted, binary_outputs = [], {}
    for place, one in enumerate(outputs):
        entry = _mapping(one, f"outputs[{place}]")
        name = entry.get("name")
        if not isinstance(name, str):
            raise DataError(f"outputs[{place}]: name must be text, got {name!r:.60}")
        wanted.append(name)
        flag = _mapping(entry.get("parameters", {}), f"outputs[{place}]").get("binary_data")
        if isinstance(flag, bool):
            binary_outputs[name] = flag
    label = head.get("id", "")
    return InferRequest(
        inputs,
        wanted,
        parameters.get("binary_data_output") is True,
        label if isinstance(label, str) else str(label)[:200],
        binary_outputs,
        str(parameters.get(PLAN_ID, "")),
    )


def cloud_times(run_s: float, server_s: float) -> dict[str, int]:
    """The parameters of an answer that say where the server's time went, microseconds.

    Args:
        run_s: Seconds that the half computed.
        server_s: Seconds from the last byte of the request to the answer.
    """
    return {RUN_US: round(1e6 * run_s), SERVER_US: round(1e6 * server_s)}


def encode_response(
    model: str,
    version: str,
    outputs: Mapping[str, TensorValue],
    request: InferRequest,
    parameters: Mapping[str, int] | None = None,
) -> tuple[bytes, int | None]:
    """An answer as bytes, and the length of its JSON where bytes follow it."""
    entries, parts = [], []
    for name, value in outputs.items():
        entry: dict[str, Any] = {
            "name": name,
            "shape": list(value.shape),
            "datatype": datatype_of(value),
        }
        if request.is_binary(name):
            parts.append(raw_bytes(value))
            entry["parameters"] = {"binary_data_size": len(parts[-1])}
        else:
            entry["data"] = value.reshape(-1).tolist()
        entries.append(entry)
    head: dict[str, Any] = {"model_name": model, "model_version": version, "outputs": entries}
    if parameters:
        head["parameters"] = dict(parameters)
    if request.id:
        head["id"] = request.id
    text = json.dumps(head, separators=(",", ":")).encode()
    return b"".join([text, *parts]), len(text) if parts else None


@dataclass(frozen=True)
class InferResponse:
    """One answer.

    Attributes:
        outputs: Tensor -> value.
        parameters: What the server says beside, such as ``cloud_times``.
    """

    outputs: Mapping[str, TensorValue]
    parameters: Mapping[str, Any]

    def seconds(self, name: str) -> float:
        """A time among the parameters; 0 where a server does not say it."""
        found = self.parameters.get(name, 0)
        return 1e-6 * found if type(found) is int else 0.0


def decode_response(body: bytes, header_length: int | None) -> InferResponse:
    """Read an answer.

    Raises:
        DataError: It is no answer.
    """
    head, rest = _head(body, header_length)
    outputs = _tensors(head, "outputs", rest)
    return InferResponse(outputs, _mapping(head.get("parameters", {}), "parameters"))


def _head(body: bytes, header_length: int | None) -> tuple[Mapping[str, Any], memoryview]:
    length = len(body) if header_length is None else header_length
    if not 0 <= length <= len(body):
        raise DataError(
            f"{LENGTH_HEADER}: must be 0 to {len(body)}, the body's bytes, got {length}"
        )
    try:
        head = json.loads(body[:length])
    except (ValueError, RecursionError) as error:
        raise DataError(f"body: must begin with a JSON object, {error}"[:300]) from error
    return _mapping(head, "body"), memoryview(body)[length:]


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise DataError(f"{where}: must be a JSON object, got {value!r:.60}")
    return value


def _tensors(head: Mapping[str, Any], key: str, rest: memoryview) -> dict[str, TensorValue]:
    entries = head.get(key)
    if not isinstance(entries, list):
        raise DataError(f"{key}: must be a list of tensors, got {entries!r:.60}")
    found: dict[str, TensorValue] = {}
    start = 0
    for place, one in enumerate(entries):
        where = f"{key}[{place}]"
        entry = _mapping(one, where)
        name, shape, datatype = entry.get("name"), entry.get("shape"), entry.get("datatype")
        if not isinstance(name, str) or name in found:
            raise DataError(f"{where}: name must be text and stand once, got {name!r:.60}")
        if (
            not isinstance(shape, list)
            or len(shape) > _MOST_AXES
            or any(type(side) is not int or not 0 <= side < 2**31 for side in shape)
        ):
            raise DataError(f"{where}: shape must be a list of whole numbers, got {shape!r:.60}")
        size = _mapping(entry.get("parameters", {}), where).get("binary_data_size")
        if size is None:
            found[name] = _from_json(entry.get("data"), str(datatype), shape, where)
            continue
        if type(size) is not int or not 0 <= size <= len(rest) - start:
            raise DataError(
                f"{where}: binary_data_size must be 0 to {len(rest) - start}, the bytes that are "
                f"left, got {size!r:.40}"
            )
        found[name] = from_raw(rest[start : start + size], str(datatype), shape, where)
        start += size
    if start != len(rest):
        raise DataError(f"body: must end after {start} bytes of tensors, has {len(rest)}")
    return found


def _from_json(data: Any, datatype: str, shape: Sequence[int], where: str) -> TensorValue:
    if datatype not in DTYPES:
        raise DataError(
            f"{where}: datatype must be one of {', '.join(DTYPES)}, got {datatype!r:.40}"
        )
    if not isinstance(data, list):
        raise DataError(f"{where}: data must be a list, got {data!r:.60}")
    try:
        value = np.asarray(data, DTYPES[datatype])
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(f"{where}: data must be numbers of {datatype}, {error}") from error
    if value.size != math.prod(shape):
        raise DataError(f"{where}: data must have {math.prod(shape)} numbers, got {value.size}")
    return value.reshape(shape)
