"""The device's side: run the edge half, send what crosses, and join the answers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from autosplit.deploy.connection import Connection
from autosplit.deploy.manifest import BundledPlan, Manifest, read_manifest
from autosplit.deploy.oip import (
    LENGTH_HEADER,
    RUN_US,
    SERVER_US,
    InferRequest,
    decode_response,
    encode_request,
)
from autosplit.deploy.sessions import Arrays, EdgeModel, server_inputs
from autosplit.deploy.tensor_bytes import TensorValue
from autosplit.halves.wire.jpeg import encode_jpeg
from autosplit.halves.wire.message import Message


@dataclass(frozen=True, slots=True)
class Answer:
    """The network's answer, and where its time went.

    Attributes:
        outputs: ``output:<place>`` -> value, (batch, ...).
        plan: Name of the plan that made it.
        edge_s: Seconds that the edge half computed.
        coding_s: Seconds of packing, of making the request and of reading the answer.
        sent_bytes: Bytes of tensors in the request.
        body_bytes: Bytes of the whole body.
        link_s: Seconds there and back, without those of the server.
        server_s: Seconds of the server, with ``run_s``.
        run_s: Seconds that the cloud half computed.
    """

    outputs: Arrays
    plan: str
    edge_s: float
    coding_s: float = 0.0
    sent_bytes: int = 0
    body_bytes: int = 0
    link_s: float = 0.0
    server_s: float = 0.0
    run_s: float = 0.0

    @property
    def total_s(self) -> float:
        """Seconds from the input to the answer."""
        return self.edge_s + self.coding_s + self.link_s + self.server_s

    @property
    def own_s(self) -> float:
        """Seconds that are neither the link's nor those of the two halves."""
        return self.coding_s + self.server_s - self.run_s


@dataclass
class EdgeClient:
    """A bundle on a device, and a server that has the same bundle.

    Attributes:
        folder: The bundle.
        server: The server, or its address, such as ``http://127.0.0.1:8000``.
        plan: Name of the plan; None: the first one.
        threads: Threads that the edge half computes with.
        timeout_s: Longest time to wait for an answer, seconds.

    Raises:
        FileError: The bundle is not as it was exported, or has no such plan.
        ServerError: The address cannot be used.
    """

    folder: Path
    server: str | Connection
    plan: str | None = None
    threads: int = 1
    timeout_s: float = 30.0
    manifest: Manifest = field(init=False)
    chosen: BundledPlan = field(init=False)
    edge: EdgeModel = field(init=False)
    connection: Connection = field(init=False)

    def __post_init__(self) -> None:
        given = self.server
        self.connection = given if isinstance(given, Connection) else Connection(given)
        self.manifest = read_manifest(self.folder)
        self.chosen = self.manifest.plan(self.plan)
        self.edge = EdgeModel.load(self.folder, self.chosen, self.threads)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def infer(self, inputs: Mapping[str, TensorValue]) -> Answer:
        """The network's answer.

        Args:
            inputs: Input -> value, (batch, ...).

        Raises:
            ServerError: The server cannot be reached, or refuses.
            DataError: Its answer is none.
        """
        start = time.perf_counter()
        message, answers = self.edge(inputs)
        computed = time.perf_counter()
        if self.chosen.cloud is None:
            return Answer(answers, self.chosen.name, computed - start)
        body, length = encode_request(InferRequest(wire_inputs(message)))
        coded = time.perf_counter()
        content, headers = self.connection.ask(
            infer_path(self.manifest, self.chosen),
            self.timeout_s,
            body,
            {LENGTH_HEADER: str(length), "Content-Type": "application/octet-stream"},
        )
        arrived = time.perf_counter()
        size = headers.get(LENGTH_HEADER.lower())
        found = decode_response(content, None if size is None else int(size))
        server_s = found.seconds(SERVER_US)
        return Answer(
            outputs=answers | dict(found.outputs),
            plan=self.chosen.name,
            edge_s=computed - start,
            coding_s=coded - computed + time.perf_counter() - arrived,
            sent_bytes=len(body) - length,
            body_bytes=len(body),
            link_s=arrived - coded - server_s,
            server_s=server_s,
            run_s=found.seconds(RUN_US),
        )


def infer_path(manifest: Manifest, plan: BundledPlan) -> str:
    """Path of a server at which a plan's cloud half answers."""
    return f"/v2/models/{manifest.network}/versions/{plan.name}/infer"


def wire_inputs(message: Message) -> dict[str, TensorValue]:
    """What is sent for a message: packed bytes, floats, or pictures as JPEG files."""
    sent = server_inputs(message)
    for wire in message.layout.tensors:
        if wire.quality is not None:
            files = np.empty(message.batch, object)
            files[:] = [encode_jpeg(one, wire.quality) for one in message.tensors[wire.name]]
            sent[wire.name] = files
    return sent
