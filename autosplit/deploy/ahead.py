"""Pipelining: the edge half of the next input runs while the last one is on the wire.

An answer takes as long as before, but answers follow each other at the pace of the slower of the
two: the edge half, or everything behind it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from autosplit.deploy.client import Answer, EdgeClient
from autosplit.deploy.sessions import Arrays, EdgeModel
from autosplit.deploy.tensor_bytes import TensorValue
from autosplit.halves.wire.message import Message

InputValues = Mapping[str, TensorValue]


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class _Ahead(EdgeModel):
    """Stands for an edge half whose result is on its way already."""

    future: Future[Computed]

    def __call__(self, _inputs: InputValues) -> tuple[Message, Arrays]:
        found = self.future.result()
        return found.message, found.answers


def infer_ahead(client: EdgeClient, inputs: Iterable[InputValues]) -> Iterator[Answer]:
    """The network's answers, one for each input, in their order.

    Args:
        client: Not used for anything else meanwhile; it is as it was afterwards.
        inputs: Each input -> value, (batch, ...).

    Raises:
        ServerError: The server cannot be reached, or refuses.
        DataError: Its answer is none.
    """
    edge = client.edge

    def compute(one: InputValues) -> Computed:
        start = time.perf_counter()
        message, answers = edge(one)
        return Computed(message, answers, time.perf_counter() - start)

    with ThreadPoolExecutor(1) as pool:
        try:
            last: tuple[InputValues, Future[Computed]] | None = None
            for one in inputs:
                begun = one, pool.submit(compute, one)
                if last is not None:
                    yield _finished(client, edge, *last)
                last = begun
            if last is not None:
                yield _finished(client, edge, *last)
        finally:
            client.edge = edge


def _finished(
    client: EdgeClient, edge: EdgeModel, inputs: InputValues, future: Future[Computed]
) -> Answer:
    """The answer of an input whose edge half runs already."""
    client.edge = _Ahead(edge.session, edge.layout, future)
    return replace(client.infer(inputs), edge_s=future.result().edge_s)
