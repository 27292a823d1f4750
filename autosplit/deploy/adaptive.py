"""A client that keeps answering: moves along the plans of a bundle as the link changes.

The link is measured by the messages themselves.  Where the server gives no answer before the
deadline, is busy, or gives an answer that cannot be read, the all-edge plan answers, and the server
is asked again in the background, less and less often, until it is back.  Every input gets exactly
one answer.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np

from autosplit.deploy.client import Answer, Computed, EdgeClient
from autosplit.deploy.connection import NO_ANSWER, Connection, ServerError
from autosplit.deploy.link_estimate import LinkEstimate, PlanChoice, PlanTimes
from autosplit.deploy.manifest import BundledPlan, Manifest, read_manifest
from autosplit.deploy.tensor_bytes import TensorValue
from autosplit.errors import DataError, FileError

FIRST_RETRY_S, LAST_RETRY_S = 0.25, 5.0
"""Seconds between two questions whether the server is back, at first and at most."""
MOST_SPARE_S = 0.025
"""Seconds of a deadline that are kept free for short edge halves, at most."""
STALE_S = 5.0
"""Seconds without a message after which one is sent only to measure the link."""


@dataclass(frozen=True, slots=True)
class Begun:
    """An input whose edge half was computed.

    Attributes:
        plan: The plan.
        inputs: Input -> value, (batch, ...).
        computed: What its edge half gave.
    """

    plan: str
    inputs: Mapping[str, TensorValue]
    computed: Computed


@dataclass
class AdaptiveClient:
    """A bundle on a device whose link changes.

    Attributes:
        folder: The bundle; it needs one plan that answers on the edge alone.
        connection: The server.
        deadline_s: Seconds in which an answer must be there; None: 30, for the server alone.
        threads: Threads that the edge halves compute with.
        fallbacks: Inputs that the all-edge plan answered, as the server gave no answer.
        reason: Why there was none, the last time.

    Raises:
        FileError: The bundle is not as it was exported, or has no all-edge plan.
    """

    folder: Path
    connection: Connection
    deadline_s: float | None = None
    threads: int = 1
    manifest: Manifest = field(init=False)
    clients: dict[str, EdgeClient] = field(init=False)
    fallback: str = field(init=False)
    choice: PlanChoice = field(init=False)
    fallbacks: int = field(default=0, init=False)
    reason: str = field(default="", init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _asking: threading.Thread | None = field(default=None, init=False, repr=False)
    _closed: threading.Event = field(default_factory=threading.Event, init=False, repr=False)
    _last: float = field(default=0.0, init=False, repr=False)

    def __post_init__(self) -> None:
        self.manifest = manifest = read_manifest(self.folder)
        alone = [plan for plan in manifest.plans if plan.cloud is None]
        if not alone:
            raise FileError(
                f"{self.folder}: must have a plan that answers on the edge alone, has none; export "
                "one with it, such as --plan pick,uniform8"
            )
        self.fallback = alone[0].name
        taken = [plan for plan in manifest.plans if takes_inputs(plan)]
        self.clients = {
            plan.name: EdgeClient(self.folder, self.connection, plan.name, self.threads)
            for plan in taken
        }
        zeros = {
            one.name: np.zeros((1, *one.shape), np.dtype(one.dtype)) for one in manifest.inputs
        }
        times = {plan.name: self._begin(plan, zeros) for plan in taken}
        self.choice = PlanChoice(times, LinkEstimate(), taken[0].name)

    def _begin(self, plan: BundledPlan, zeros: Mapping[str, TensorValue]) -> PlanTimes:
        """What a plan takes, its edge half measured on zeros and its cloud half as promised."""
        edge = self.clients[plan.name].edge
        edge(zeros)
        start = time.perf_counter()
        edge(zeros)
        edge_s = time.perf_counter() - start
        promised = [1e-3 * one["cloud_ms"] for one in plan.predicted["links"].values()]
        return PlanTimes(edge_s, min(promised, default=0.0), plan.predicted["sent_bytes"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        if self._asking is not None:
            self._asking.join()
        self.connection.close()

    @property
    def chosen(self) -> BundledPlan:
        """The plan that answers now."""
        return self.clients[self.choice.present].chosen

    def infer(self, inputs: Mapping[str, TensorValue]) -> Answer:
        """The network's answer, from the plan that is fastest now.

        Args:
            inputs: Input -> value, (batch, ...).

        Raises:
            ServerError: The server refuses, as without the right token.
        """
        return self.finish(self.compute(inputs))

    def compute(self, inputs: Mapping[str, TensorValue]) -> Begun:
        """What the edge half of the plan gives that is fastest now.

        Args:
            inputs: Input -> value, (batch, ...).
        """
        with self._lock:
            name = self.choice.choose()
        return Begun(name, inputs, self.clients[name].compute(inputs))

    def finish(self, begun: Begun) -> Answer:
        """The network's answer to an input whose edge half was computed.

        Args:
            begun: What ``compute`` gave.

        Raises:
            ServerError: The server refuses, as without the right token.
        """
        start = time.perf_counter() - begun.computed.edge_s
        client = self.clients[begun.plan]
        if client.chosen.cloud is None:
            self._keep_measuring(begun.inputs)
            return self._noted(client.finish(begun.computed))
        if self.choice.reachable:  # else it was lost after the edge half had begun
            spare = self.choice.times[self.fallback].edge_s
            wait = math.inf if self.deadline_s is None else time_to_wait(self.deadline_s, spare)
            client.timeout_s = max(min(wait, 30.0) - begun.computed.edge_s, 1e-3)
            try:
                return self._noted(client.finish(begun.computed))
            except NO_ANSWER as error:
                self.reason = str(error)
                with self._lock:
                    self.choice.reachable = False
        self.fallbacks += 1
        late_s = time.perf_counter() - start
        answer = self.clients[self.fallback].infer(begun.inputs)
        self._ask(begun.inputs)  # after the answer, whose processor it would take
        return replace(answer, link_s=late_s)

    def _noted(self, answer: Answer) -> Answer:
        with self._lock:
            times = self.choice.times[answer.plan]
            times.noted(answer.edge_s, answer.own_s + answer.run_s, answer.body_bytes)
            if answer.body_bytes:
                if not math.isnan(self.connection.connect_s):
                    self.choice.link.connected(self.connection.connect_s)
                self.choice.link.sent(answer.body_bytes, answer.link_s)
                self._last = time.monotonic()
        return answer

    def _keep_measuring(self, inputs: Mapping[str, TensorValue]) -> None:
        """Measure the link now and then while nothing crosses it."""
        if time.monotonic() - self._last > STALE_S:
            self._ask(inputs)

    def _ask(self, inputs: Mapping[str, TensorValue]) -> None:
        """Ask in the background whether the server is there, with the smallest message."""
        if self._asking is not None and self._asking.is_alive():
            return
        own = {name: value.copy() for name, value in inputs.items()}
        self._asking = threading.Thread(target=self._until_back, args=(own,), daemon=True)
        self._asking.start()

    def _until_back(self, inputs: Mapping[str, TensorValue]) -> None:
        sizes = {name: one.size_bytes for name, one in self.choice.times.items() if one.size_bytes}
        if not sizes:
            return
        plan = min(sizes, key=lambda name: sizes[name])
        known = self.connection
        own = Connection(known.server, known.token, known.certificate)
        pause = FIRST_RETRY_S
        with EdgeClient(self.folder, own, plan, self.threads, timeout_s=LAST_RETRY_S) as client:
            while not self._closed.is_set():
                try:
                    client.infer(inputs)
                    answer = client.infer(inputs)
                except (ServerError, DataError):  # out of reach, busy, or not understood
                    self._closed.wait(pause)
                    pause = min(2 * pause, LAST_RETRY_S)
                    continue
                with self._lock:
                    self.choice.link.connected(own.connect_s)
                    self.choice.link.sent(answer.body_bytes, answer.link_s)
                    self.choice.reachable = True
                    self._last = time.monotonic()
                return


def time_to_wait(deadline_s: float, edge_s: float) -> float:
    """Seconds that the server has, so that the edge can still answer before a deadline.

    Beside the edge's own seconds, the longer of two times is left for a processor that wakes up
    late: half of the edge's seconds, and a tenth of the deadline, at most ``MOST_SPARE_S``.

    Args:
        deadline_s: Seconds in which an answer must be there.
        edge_s: Seconds that the all-edge plan takes.
    """
    return deadline_s - edge_s - max(0.5 * edge_s, min(0.1 * deadline_s, MOST_SPARE_S))


def takes_inputs(plan: BundledPlan) -> bool:
    """Whether a plan can be moved to: it takes the network's inputs, and is no escalation.

    A plan that sends pictures takes pixels; an escalation sends only some of the samples.
    """
    return plan.rule is None and all(wire.coding != "jpeg" for wire in plan.wire.tensors)
