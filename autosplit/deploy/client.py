"""The device's side: run the edge half, send what crosses, and join the answers."""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from autosplit.deploy.coded_inputs import coded_tensors, encode_samples, listed_inputs
from autosplit.deploy.connection import Connection
from autosplit.deploy.manifest import BundledPlan, Manifest, read_manifest
from autosplit.deploy.oip import (
    LENGTH_HEADER,
    RUN_US,
    SERVER_US,
    InferRequest,
    InferResponse,
    decode_response,
    encode_request,
)
from autosplit.deploy.sessions import Arrays, EdgeModel
from autosplit.deploy.tensor_bytes import TensorValue, framing_bytes
from autosplit.errors import DataError
from autosplit.halves.wire.jpeg import encode_jpeg
from autosplit.halves.wire.message import Message, fixed_rows


@dataclass(frozen=True, slots=True)
class Answer:
    """The network's answer, and where its time went.

    Attributes:
        outputs: ``output:<place>`` -> value, (batch, ...).
        plan: Name of the plan that made it.
        edge_s: Seconds that the edge half computed.
        coding_s: Seconds of packing, of making the request and of reading the answer.
        sent_bytes: Bytes of the samples in the request, as the tables count them: without the
            protocol's JSON, and without the lengths that stand before samples that differ in them.
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


@dataclass(frozen=True, slots=True)
class Computed:
    """What an edge half gave.

    Attributes:
        message: What crosses.
        answers: What is computed here.
        edge_s: Seconds that it took.
    """

    message: Message
    answers: Arrays
    edge_s: float


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
    remote: RemoteHalf = field(init=False)

    def __post_init__(self) -> None:
        server = self.server
        self.connection = server if isinstance(server, Connection) else Connection(server)
        self.manifest = read_manifest(self.folder)
        self.chosen = self.manifest.plan(self.plan)
        self.edge = EdgeModel.load(self.folder, self.chosen, self.threads)
        self.remote = RemoteHalf(self.connection, self.manifest, self.chosen)

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
        return self.finish(self.compute(inputs))

    def compute(self, inputs: Mapping[str, TensorValue]) -> Computed:
        """What the edge half gives.

        Args:
            inputs: Input -> value, (batch, ...).
        """
        start = time.perf_counter()
        message, answers = self.edge(inputs)
        return Computed(message, answers, time.perf_counter() - start)

    def finish(self, computed: Computed) -> Answer:
        """The network's answer to an input whose edge half was computed.

        Args:
            computed: What the edge half gave.

        Raises:
            ServerError: The server cannot be reached, or refuses.
            DataError: Its answer is none.
        """
        if self.chosen.cloud is None:
            return Answer(computed.answers, self.chosen.name, computed.edge_s)
        found = self.remote.answer(computed.message, time.monotonic() + self.timeout_s)
        outputs = computed.answers | found.outputs
        return replace(found, outputs=outputs, edge_s=computed.edge_s)


@dataclass
class RemoteHalf:
    """The cloud half of a plan on a server.

    Attributes:
        connection: The server.
        manifest: Of the bundle.
        chosen: The plan.
    """

    connection: Connection
    manifest: Manifest
    chosen: BundledPlan
    _taken: frozenset[str] | None = field(default=None, init=False, repr=False)
    _plan_id: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._plan_id = self.manifest.plan_id(self.chosen)

    def answer(self, message: Message, until: float) -> Answer:
        """The answers of the cloud half to a message, without those of the edge.

        Args:
            message: What is sent.
            until: When it must be there, seconds of ``time.monotonic``.

        Raises:
            ServerError: The server cannot be reached, or refuses.
            DataError: Its answer is none.
        """
        taken = self.prepare(until)
        start = time.perf_counter()
        sent = wire_inputs(message, taken)
        body, length = encode_request(InferRequest(sent, plan_id=self._plan_id))
        coded = time.perf_counter()
        content, headers = self._ask(
            f"{model_path(self.manifest, self.chosen)}/infer",
            until,
            body,
            {LENGTH_HEADER: str(length), "Content-Type": "application/octet-stream"},
        )
        arrived = time.perf_counter()
        found = self._read(content, headers.get(LENGTH_HEADER.lower()))
        server_s = found.seconds(SERVER_US)
        return Answer(
            outputs=dict(found.outputs),
            plan=self.chosen.name,
            edge_s=0.0,
            coding_s=coded - start + time.perf_counter() - arrived,
            sent_bytes=len(body) - length - framing_bytes(sent),
            body_bytes=len(body),
            link_s=arrived - coded - server_s,
            server_s=server_s,
            run_s=found.seconds(RUN_US),
        )

    def _read(self, content: bytes, length: str | None) -> InferResponse:
        """What a server answered, with every output of the cloud half.

        Raises:
            DataError: It is no such answer.
        """
        if length is not None and not length.isdecimal():
            raise DataError(f"{LENGTH_HEADER}: must be a whole number, got {length!r:.40}")
        found = decode_response(content, None if length is None else int(length[:20]))
        wanted = {name for name, half in self.chosen.outputs.items() if half != "edge"}
        if missing := sorted(wanted - found.outputs.keys()):
            raise DataError(f"outputs: must have {', '.join(missing)}, has not")
        return found

    def prepare(self, until: float) -> frozenset[str]:
        """Coded inputs that the server takes; it is asked once where the plan codes a tensor.

        Args:
            until: When the server must have answered, seconds of ``time.monotonic``.

        Raises:
            ServerError: The server cannot be reached, or refuses.
        """
        if self._taken is None:
            self._taken = frozenset()
            wanted = coded_tensors(self.chosen.wire)
            if wanted and importlib.util.find_spec("zstandard") is not None:
                self._taken = None  # asked again if there is no answer now
                content, _ = self._ask(model_path(self.manifest, self.chosen), until)
                self._taken = listed_inputs(read_metadata(content)) & wanted.keys()
        return self._taken

    def _ask(
        self,
        path: str,
        until: float,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[bytes, Mapping[str, str]]:
        """The answer of the server within the time that is left."""
        return self.connection.ask(path, max(until - time.monotonic(), 1e-3), body, headers)


def model_path(manifest: Manifest, plan: BundledPlan) -> str:
    """Path of a server at which a plan's cloud half is described; ``/infer`` behind it answers."""
    return f"/v2/models/{manifest.network}/versions/{plan.name}"


def read_metadata(content: bytes) -> Mapping[str, Any]:
    """A server's description of a model; empty where it is no JSON object."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def wire_inputs(message: Message, taken: Container[str] = ()) -> dict[str, TensorValue]:
    """What is sent for a message: packed or coded bytes, floats, or pictures as JPEG files.

    Args:
        message: The tensors that cross.
        taken: Coded inputs that the server takes; tensors without one of them are packed.
    """
    coded = {wire.name: name for name, wire in coded_tensors(message.layout).items()}
    sent: dict[str, TensorValue] = {}
    for wire in message.layout.tensors:
        value = message.tensors[wire.name]
        if wire.quality is not None:
            files = np.empty(message.batch, object)
            files[:] = [encode_jpeg(one, wire.quality) for one in value]
            sent[wire.name] = files
        elif coded.get(wire.name, "") in taken:
            sent[coded[wire.name]] = encode_samples(message.layout, wire.name, value)
        else:
            sent[wire.name] = value if wire.coding == "none" else fixed_rows(wire, value)
    return sent
