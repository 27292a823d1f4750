"""Dynamic batching: requests that come together run together, in a queue of bounded length."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autosplit.deploy.sessions import Arrays, CloudModel
from autosplit.errors import AutoSplitError


class QueueFullError(AutoSplitError):
    """More requests wait than a server holds."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a cloud half gave.

    Attributes:
        outputs: ``output:<place>`` -> value, (batch, ...).
        run_s: Seconds that the half computed, with all requests that ran together.
    """

    outputs: Arrays
    run_s: float


@dataclass(frozen=True, slots=True)
class _Waiting:
    inputs: Mapping[str, Any]
    rows: int
    future: asyncio.Future[Ran]


@dataclass
class Batcher:
    """Runs one cloud half.

    Attributes:
        model: The cloud half.
        pool: Threads that run it.
        most_rows: Samples that run together at most.
        wait_s: Time that the first request of a batch waits for others, seconds.
        most_waiting: Requests that wait at most.
    """

    model: CloudModel
    pool: ThreadPoolExecutor
    most_rows: int = 16
    wait_s: float = 0.0
    most_waiting: int = 256
    _queue: asyncio.Queue[_Waiting] = field(init=False)
    _task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self._queue = asyncio.Queue(self.most_waiting)

    async def run(self, inputs: Mapping[str, Any]) -> Ran:
        """The answers of one request.

        Raises:
            QueueFullError: Too many requests wait.
        """
        rows = len(next(iter(inputs.values())))
        future: asyncio.Future[Ran] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait(_Waiting(inputs, rows, future))
        except asyncio.QueueFull as error:
            raise QueueFullError(
                f"queue: holds {self.most_waiting} requests at most, is full; send it again later"
            ) from error
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._queue.empty():
            batch = [self._queue.get_nowait()]
            rows, until = batch[0].rows, time.monotonic() + self.wait_s
            while rows < self.most_rows:
                left = until - time.monotonic()
                if self._queue.empty() and left <= 0:
                    break
                try:
                    one = await asyncio.wait_for(self._queue.get(), max(left, 1e-6))
                except TimeoutError:
                    break
                batch.append(one)
                rows += one.rows
            batch = [one for one in batch if not one.future.cancelled()]
            if not batch:
                continue
            try:
                answers = await loop.run_in_executor(self.pool, self._together, batch)
            except Exception as error:  # noqa: BLE001 - whoever waits must hear of it
                for one in batch:
                    if not one.future.done():
                        one.future.set_exception(error)
                continue
            for one, answer in zip(batch, answers, strict=True):
                if not one.future.done():
                    one.future.set_result(answer)

    def _together(self, batch: list[_Waiting]) -> list[Ran]:
        if len(batch) == 1:
            return [self._timed(batch[0].inputs)]
        inputs = {
            name: np.concatenate([one.inputs[name] for one in batch]) for name in batch[0].inputs
        }
        ran = self._timed(inputs)
        ends = np.cumsum([one.rows for one in batch])[:-1]
        parts = {name: np.split(value, ends) for name, value in ran.outputs.items()}
        return [
            Ran({name: part[i] for name, part in parts.items()}, ran.run_s)
            for i in range(len(batch))
        ]

    def _timed(self, inputs: Mapping[str, Any]) -> Ran:
        start = time.perf_counter()
        return Ran(self.model.run(inputs), time.perf_counter() - start)
