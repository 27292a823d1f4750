"""A client whose edge half answers what it is sure of, and sends the rest to the cloud half.

The edge half computes every sample.  A sample whose confidence reaches the threshold is answered;
the tensors of a cut, or the picture as a JPEG file, of each other sample are sent.  Where the
server is out of reach or busy, or its answer cannot be read, the edge's own answer is given: every
sample gets exactly one answer.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from autosplit.deploy.adaptive import FIRST_RETRY_S, LAST_RETRY_S
from autosplit.deploy.audit import Audit
from autosplit.deploy.client import Answer, Computed, EdgeClient, RemoteHalf
from autosplit.deploy.connection import NO_ANSWER, Connection, ServerError
from autosplit.deploy.escalation_rule import Chosen, EscalationRule
from autosplit.deploy.sessions import Arrays
from autosplit.deploy.tensor_bytes import TensorValue
from autosplit.errors import DataError, FileError
from autosplit.escalation.confidence_scores import Confidences
from autosplit.halves.wire.message import Message

MOST_WAITING = 4
"""Answers that wait to be checked at most; others are given without a check."""


@dataclass(frozen=True, slots=True)
class SureAnswer(Answer):
    """An answer, and which half gave it.

    Attributes:
        confidences: How sure the edge was of each sample, 0..1.
        sent_on: Whether the answer to each sample is the cloud's.
    """

    confidences: tuple[float, ...] = ()
    sent_on: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class JudgedAnswer(Computed):
    """What an edge half gave, and how sure it is.

    Attributes:
        inputs: Input -> value, (batch, ...).
        confidences: How sure it is of each sample, 0..1, shape (batch,).
    """

    inputs: Mapping[str, TensorValue]
    confidences: Confidences


@dataclass
class EscalationClient(EdgeClient):
    """An escalation of a bundle on a device, and a server that has the same bundle.

    Attributes:
        audit: Which confident answers are checked in the cloud, and what was found.
        fallbacks: Samples of which the edge was not sure, and that it answered all the same, as the
            server gave no answer.
        reason: Why there was none, the last time.

    Raises:
        FileError: The bundle is not as it was exported, or the plan is no escalation.
        ServerError: The address cannot be used.
    """

    audit: Audit = field(default_factory=Audit)
    rule: EscalationRule = field(init=False)
    fallbacks: int = field(default=0, init=False)
    reason: str = field(default="", init=False)
    _auditor: ThreadPoolExecutor = field(init=False, repr=False)
    _second: RemoteHalf = field(init=False, repr=False)
    _waiting: list[Future[None]] = field(default_factory=list, init=False, repr=False)
    _retry: tuple[float, float] = field(default=(0.0, FIRST_RETRY_S), init=False, repr=False)

    def __post_init__(self) -> None:
        EdgeClient.__post_init__(self)
        if self.chosen.rule is None:
            raise FileError(f"{self.folder}: {self.chosen.name}: must be an escalation, is none")
        self.rule = self.chosen.rule
        known = self.connection
        own = Connection(known.server, known.token, known.certificate)
        self._second = RemoteHalf(own, self.manifest, self.chosen)
        self._auditor = ThreadPoolExecutor(1)

    def __exit__(self, *_: object) -> None:
        self._auditor.shutdown()
        self._second.connection.close()
        self.connection.close()

    def settle(self) -> None:
        """Wait for the answers that are being checked."""
        for one in self._waiting:
            one.result()
        self._waiting.clear()

    def infer(self, inputs: Mapping[str, TensorValue]) -> SureAnswer:
        """The network's answers, of the edge where it is sure.

        Args:
            inputs: Input -> value, (batch, ...).

        Raises:
            ServerError: The server refuses, as without the right token.
        """
        return self.finish(self.compute(inputs))

    def compute(self, inputs: Mapping[str, TensorValue]) -> JudgedAnswer:
        """What the edge half gives, and how sure it is.

        Args:
            inputs: Input -> value, (batch, ...).
        """
        start = time.perf_counter()
        made, answers = self.edge(inputs)
        confidences = self.rule.confidences(answers)
        return JudgedAnswer(made, answers, time.perf_counter() - start, inputs, confidences)

    def finish(self, computed: Computed) -> SureAnswer:
        """The network's answers to inputs whose edge half was computed.

        Args:
            computed: What ``compute`` gave.

        Raises:
            ServerError: The server refuses, as without the right token.
        """
        assert isinstance(computed, JudgedAnswer)
        answers = computed.answers
        sure: Chosen = computed.confidences >= self.rule.threshold
        asked = np.ones_like(sure) if self.audit.sends_all else ~sure
        found = self._ask_cloud(self._message(computed, asked), asked)
        if not found.outputs:  # nothing was asked, or the server gave no answer
            asked = np.zeros_like(sure)
        self._compare(answers, found.outputs, sure, asked)
        self._check_some(computed, sure & ~asked)
        named = {name: getattr(found, name) for name in Answer.__slots__}
        named["edge_s"] = computed.edge_s
        named["outputs"] = _merged(answers, found.outputs, asked)
        sure_of = tuple(computed.confidences.tolist())
        return SureAnswer(**named, confidences=sure_of, sent_on=tuple(asked.tolist()))

    def _message(self, computed: JudgedAnswer, chosen: Chosen) -> Message:
        """The message of some samples."""
        return self.rule.message(self.chosen.wire, computed.inputs, computed.message, chosen)

    def _ask_cloud(self, message: Message, asked: Chosen) -> Answer:
        """The cloud's answers; none if the server gives none, and for a while after that."""
        start, (until, pause) = time.perf_counter(), self._retry
        if asked.any() and time.monotonic() >= until:
            try:
                found = self.remote.answer(message, time.monotonic() + self.timeout_s)
            except NO_ANSWER as error:
                self.reason = str(error)
                self._retry = time.monotonic() + pause, min(2 * pause, LAST_RETRY_S)
            else:
                self._retry = 0.0, FIRST_RETRY_S
                return found
        self.fallbacks += int(asked.sum())
        waited_s = time.perf_counter() - start if asked.any() else 0.0
        return Answer({}, self.chosen.name, 0.0, link_s=waited_s)

    def _compare(self, own: Arrays, other: Arrays, sure: Chosen, asked: Chosen) -> None:
        """Count confident answers that were sent as everything is."""
        if not asked.any():
            return
        same = self.rule.same({self.rule.output: own[self.rule.output][asked]}, other)
        for agrees, counts in zip(same, sure[asked], strict=True):
            if counts:
                self.audit.noted(agrees)

    def _check_some(self, computed: JudgedAnswer, confident: Chosen) -> None:
        """Let some of the confident answers be checked in the background."""
        for place in np.flatnonzero(confident).tolist():
            if not self.audit.chooses():
                continue
            self._waiting = [one for one in self._waiting if not one.done()]
            if len(self._waiting) >= MOST_WAITING:
                self.audit.missed()
                continue
            one = np.arange(len(confident)) == place
            own = {self.rule.output: computed.answers[self.rule.output][one]}
            message = self._message(computed, one)
            self._waiting.append(self._auditor.submit(self._check, message, own))

    def _check(self, message: Message, own: Arrays) -> None:
        """Ask the cloud for an answer that was given already."""
        try:
            found = self._second.answer(message, time.monotonic() + self.timeout_s)
        except (ServerError, DataError):
            self.audit.missed()
        else:
            (same,) = self.rule.same(own, found.outputs)
            self.audit.noted(same)


def _merged(edge: Arrays, cloud: Arrays, asked: Chosen) -> Arrays:
    """The answers of the edge, but those of the cloud to the samples that were sent."""
    found = {name: value.copy() for name, value in edge.items()}
    for name, value in cloud.items():
        found[name][asked] = value
    return found
