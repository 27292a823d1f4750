"""The Open Inference Protocol over gRPC, with the messages that ``tritonclient.grpc`` has."""

from __future__ import annotations

import time
from typing import Any

import grpc
import numpy as np
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc import service_pb2_grpc as services

from autosplit.deploy.batcher import QueueFullError
from autosplit.deploy.credentials import NOT_ADMITTED, Credentials
from autosplit.deploy.oip import PLAN_ID, cloud_times
from autosplit.deploy.repository import OtherPlanError, Repository, UnknownModelError
from autosplit.deploy.server_metrics import AnsweredRequest, ServerMetrics
from autosplit.deploy.slow_requests import HEADER_S
from autosplit.deploy.tensor_bytes import DTYPES, TensorValue, datatype_of, from_raw, raw_bytes
from autosplit.errors import AutoSplitError, DataError

_CODES = {
    UnknownModelError: grpc.StatusCode.NOT_FOUND,
    OtherPlanError: grpc.StatusCode.FAILED_PRECONDITION,
    QueueFullError: grpc.StatusCode.RESOURCE_EXHAUSTED,
}
_CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
}


def make_grpc_server(
    repository: Repository,
    address: str,
    credentials: Credentials | None = None,
    handshake_s: float = HEADER_S,
) -> tuple[grpc.aio.Server, int]:
    """A server of a repository, not started yet; to be made where an event loop runs.

    Args:
        repository: The cloud halves to offer.
        address: Host and port; port 0 takes a free one.
        credentials: What protects it.
        handshake_s: Seconds from connecting to the end of the handshake.

    Returns:
        The server, and its port.
    """
    most = max((one.most_bytes for one in repository.served.values()), default=65_536)
    limits = (
        ("grpc.max_receive_message_length", most),
        ("grpc.server_handshake_timeout_ms", round(1e3 * handshake_s)),
    )
    guard = credentials or Credentials()
    check = _TokenCheck(guard, repository.metrics)
    server = grpc.aio.server(options=limits, interceptors=(check,))
    services.add_GRPCInferenceServiceServicer_to_server(_Servicer(repository), server)
    if guard.certificate is None or guard.key is None:
        return server, server.add_insecure_port(address)
    pair = guard.key.read_bytes(), guard.certificate.read_bytes()
    return server, server.add_secure_port(address, grpc.ssl_server_credentials((pair,)))


class _TokenCheck(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Ends calls without the token."""

    def __init__(self, credentials: Credentials, metrics: ServerMetrics) -> None:
        self.credentials = credentials
        self.metrics = metrics

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        header = dict(details.invocation_metadata).get("authorization")
        if self.credentials.admits(header):
            return await continuation(details)

        async def refuse(_: Any, context: Any) -> None:
            code = grpc.StatusCode.UNAUTHENTICATED
            self.metrics.refuse("grpc", code.name, NOT_ADMITTED)
            await context.abort(code, NOT_ADMITTED)

        return grpc.unary_unary_rpc_method_handler(refuse)


class _Servicer(services.GRPCInferenceServiceServicer):  # type: ignore[misc]
    """The calls of the protocol; the names are the protocol's."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository

    async def ServerLive(self, _: Any, __: Any) -> Any:  # noqa: N802
        return messages.ServerLiveResponse(live=True)

    async def ServerReady(self, _: Any, __: Any) -> Any:  # noqa: N802
        return messages.ServerReadyResponse(ready=True)

    async def ServerMetadata(self, _: Any, __: Any) -> Any:  # noqa: N802
        about = self.repository.server()
        return messages.ServerMetadataResponse(name=about["name"], version=about["version"])

    async def ModelReady(self, request: Any, context: Any) -> Any:  # noqa: N802
        try:
            self.repository.find(request.name, request.version)
        except UnknownModelError as error:
            await _refuse(context, error)
        return messages.ModelReadyResponse(ready=True)

    async def ModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        try:
            about = self.repository.metadata(request.name, request.version)
        except UnknownModelError as error:
            await _refuse(context, error)
        return messages.ModelMetadataResponse(**about)

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
        start = time.perf_counter()
        try:
            served = self.repository.find(request.model_name, request.model_version)
            if PLAN_ID in request.parameters:
                served.check_plan(request.parameters[PLAN_ID].string_param)
            wanted = [one.name for one in request.outputs]
            ran = await served.infer(request_inputs(request), wanted)
        except AutoSplitError as error:
            self.repository.metrics.refuse("grpc", _code(error).name, str(error))
            await _refuse(context, error)
        server_s = time.perf_counter() - start
        answer = messages.ModelInferResponse(
            model_name=request.model_name,
            model_version=served.plan.name,
            id=request.id,
            parameters={
                name: {"int64_param": number}
                for name, number in cloud_times(ran.run_s, server_s).items()
            },
            outputs=[
                {"name": name, "datatype": datatype_of(value), "shape": value.shape}
                for name, value in ran.outputs.items()
            ],
            raw_output_contents=[raw_bytes(value) for value in ran.outputs.values()],
        )
        rows = len(next(iter(ran.outputs.values())))
        sizes = request.ByteSize(), answer.ByteSize()
        one = AnsweredRequest("grpc", served.plan.name, rows, *sizes, server_s, ran.run_s)
        self.repository.metrics.answered(one)
        return answer


def _code(error: AutoSplitError) -> grpc.StatusCode:
    return _CODES.get(type(error), grpc.StatusCode.INVALID_ARGUMENT)


async def _refuse(context: Any, error: AutoSplitError) -> None:
    """End a call with the status of an error and its one line."""
    await context.abort(_code(error), str(error))


def request_inputs(request: Any) -> dict[str, TensorValue]:
    """The inputs of a ``ModelInferRequest``.

    Args:
        request: With raw contents for all inputs, or typed contents in each.

    Raises:
        DataError: An input is not what its shape and type say.
    """
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise DataError(
            f"raw_input_contents: must have one entry for each of {len(request.inputs)} inputs, "
            f"got {len(raw)}"
        )
    found: dict[str, TensorValue] = {}
    for place, one in enumerate(request.inputs):
        where = f"inputs[{place}]"
        shape = list(one.shape)
        if one.name in found or any(side < 0 for side in shape):
            raise DataError(f"{where}: must have a name of its own and a shape, got {one.name!r}")
        if raw:
            found[one.name] = from_raw(memoryview(raw[place]), one.datatype, shape, where)
        else:
            found[one.name] = _typed(one, shape, where)
    return found


def _typed(one: Any, shape: list[int], where: str) -> TensorValue:
    """An input whose numbers are in the message."""
    if one.datatype == "BYTES":
        values = list(one.contents.bytes_contents)
        found = np.empty(len(values), object)
        found[:] = values
    elif one.datatype in _CONTENTS:
        numbers = list(getattr(one.contents, _CONTENTS[one.datatype]))
        try:
            found = np.array(numbers, DTYPES[one.datatype])
        except OverflowError as error:
            raise DataError(f"{where}: contents must be {one.datatype}, {error}") from error
    else:
        raise DataError(f"{where}: datatype {one.datatype!r:.40} must come as raw contents")
    if found.size != int(np.prod(shape, dtype=object)):
        raise DataError(f"{where}: contents must have the shape {shape}, got {found.size} elements")
    return found.reshape(shape)
