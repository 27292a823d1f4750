"""Pipelining: the edge half of the next input runs while the last one is on the wire.

An answer takes as long as before, but answers follow each other at the pace of the slower of the
two: the edge half, or everything behind it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from autosplit.deploy.client import Answer, Computed, EdgeClient
from autosplit.deploy.tensor_bytes import TensorValue

InputValues = Mapping[str, TensorValue]


def infer_ahead(client: EdgeClient, inputs: Iterable[InputValues]) -> Iterator[Answer]:
    """The network's answers, one for each input, in their order.

    Args:
        client: Not used for anything else meanwhile.
        inputs: Each input -> value, (batch, ...).

    Raises:
        ServerError: The server cannot be reached, or refuses.
        DataError: Its answer is none.
    """

    def finished(computed: Future[Computed]) -> Answer:
        until = time.monotonic() + client.timeout_s
        client.remote.prepare(until)
        return client.finish(computed.result(), until)

    with ThreadPoolExecutor(1) as pool:
        last: Future[Computed] | None = None
        for one in inputs:
            begun = pool.submit(client.compute, one)
            if last is not None:
                yield finished(last)
            last = begun
        if last is not None:
            yield finished(last)
