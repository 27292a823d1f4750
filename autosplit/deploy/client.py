"""The device's side: run the edge half, send what crosses, and join the answers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from autosplit.deploy.manifest import BundledPlan, Manifest, read_manifest
from autosplit.deploy.oip import (
    LENGTH_HEADER,
    InferRequest,
    TensorValue,
    decode_response,
    encode_request,
)
from autosplit.deploy.sessions import Arrays, EdgeModel, server_inputs
from autosplit.errors import AutoSplitError
from autosplit.halves.wire.jpeg import encode_jpeg
from autosplit.halves.wire.message import Message


class ServerError(AutoSplitError):
    """The server gave no answer, or refused."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The network's answer, and where its time went.

    Attributes:
        outputs: ``output:<place>`` -> value, (batch, ...).
        plan: Name of the plan that made it.
        edge_s: Seconds of the edge half.
        coding_s: Seconds of packing and of making the request.
        sent_bytes: Bytes of tensors in the request.
        body_bytes: Bytes of the whole body.
        server_s: Seconds from sending to the answer: the link there and back, and the cloud half.
    """

    outputs: Arrays
    plan: str
    edge_s: float
    coding_s: float
    sent_bytes: int
    body_bytes: int
    server_s: float

    @property
    def total_s(self) -> float:
        """Seconds from the input to the answer."""
        return self.edge_s + self.coding_s + self.server_s


@dataclass
class EdgeClient:
    """A bundle on a device, and a server that has the same bundle.

    Attributes:
        folder: The bundle.
        server: Address of the server, such as ``http://10.0.0.1:8000``.
        plan: Name of the plan; None: the first one.
        threads: Threads that the edge half computes with.
        timeout_s: Longest time to wait for an answer, seconds.

    Raises:
        FileError: The bundle is not as it was exported, or has no such plan.
    """

    folder: Path
    server: str
    plan: str | None = None
    threads: int = 1
    timeout_s: float = 30.0
    manifest: Manifest = field(init=False)
    chosen: BundledPlan = field(init=False)
    edge: EdgeModel = field(init=False)
    http: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        import httpx

        self.manifest = read_manifest(self.folder)
        self.chosen = self.manifest.plan(self.plan)
        self.edge = EdgeModel.load(self.folder, self.chosen, self.threads)
        self.http = httpx.Client(base_url=self.server, timeout=self.timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def infer(self, inputs: Mapping[str, TensorValue]) -> Answer:
        """The network's answer.

        Args:
            inputs: Input -> value, (batch, ...).

        Raises:
            ServerError: The server cannot be reached, or refuses.
        """
        start = time.perf_counter()
        message, answers = self.edge(inputs)
        computed = time.perf_counter()
        if self.chosen.cloud is None:
            return Answer(answers, self.chosen.name, computed - start, 0.0, 0, 0, 0.0)
        sent = wire_inputs(message)
        body, length = encode_request(InferRequest(sent))
        coded = time.perf_counter()
        answers |= self._ask(body, length)
        return Answer(
            outputs=answers,
            plan=self.chosen.name,
            edge_s=computed - start,
            coding_s=coded - computed,
            sent_bytes=len(body) - length,
            body_bytes=len(body),
            server_s=time.perf_counter() - coded,
        )

    def _ask(self, body: bytes, length: int) -> Arrays:
        import httpx

        path = f"/v2/models/{self.manifest.network}/versions/{self.chosen.name}/infer"
        headers = {LENGTH_HEADER: str(length), "Content-Type": "application/octet-stream"}
        try:
            answer = self.http.post(path, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise ServerError(f"{self.server}: must answer, {type(error).__name__}") from error
        if answer.status_code != 200:
            raise ServerError(f"{self.server}: {answer.status_code}, {answer.text[:300]}")
        size = answer.headers.get(LENGTH_HEADER)
        return decode_response(answer.content, None if size is None else int(size))


def wire_inputs(message: Message) -> dict[str, TensorValue]:
    """What is sent for a message: packed bytes, floats, or pictures as JPEG files."""
    sent = server_inputs(message)
    for wire in message.layout.tensors:
        if wire.quality is not None:
            files = np.empty(message.batch, object)
            files[:] = [encode_jpeg(one, wire.quality) for one in message.tensors[wire.name]]
            sent[wire.name] = files
    return sent
