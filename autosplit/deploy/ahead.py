"""Pipelining: the edge half of the next input runs while the last one is on the wire.

An answer takes as long as before, but answers follow each other at the pace of the slower of the
two: the edge half, or everything behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from autosplit.deploy.tensor_bytes import TensorValue

InputValues = Mapping[str, TensorValue]
_Answer_co = TypeVar("_Answer_co", covariant=True)


class TwoSteps(Protocol[_Answer_co]):
    """A client whose ``infer`` is ``finish`` of ``compute``."""

    def compute(self, inputs: InputValues) -> Any:
        """What the edge half gives."""

    def finish(self, computed: Any) -> _Answer_co:
        """The network's answer to an input whose edge half was computed."""


def infer_ahead(
    client: TwoSteps[_Answer_co], inputs: Iterable[InputValues]
) -> Iterator[_Answer_co]:
    """The network's answers, one for each input, in their order.

    Args:
        client: Not used for anything else meanwhile.
        inputs: Each input -> value, (batch, ...).  They are read in another thread, one ahead.

    Raises:
        ServerError: The server cannot be reached, or refuses.
        DataError: Its answer is none.
    """
    waiting = iter(inputs)

    def step() -> tuple[Any] | None:
        for one in waiting:
            return (client.compute(one),)
        return None

    with ThreadPoolExecutor(1) as pool:
        last = pool.submit(step).result()
        while last is not None:
            following = pool.submit(step)
            yield client.finish(*last)
            last = following.result()
