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
        workers: Batches at a time, in the pool or waiting for it.  Without a wait, each takes its
            share of the requests that are there.
    """

    model: CloudModel
    pool: ThreadPoolExecutor
    most_rows: int = 16
    wait_s: float = 0.0
    most_waiting: int = 256
    workers: int = 1
    _queue: asyncio.Queue[_Waiting] = field(init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, init=False, repr=False)
    _idle: int = field(init=False)
    _started: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._queue = asyncio.Queue(self.most_waiting)
        self._idle = self.workers

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
        if self._started < self.workers:
            self._started += 1
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _work(self) -> None:
        try:
            while not self._queue.empty():
                batch = await self._batch()
                if batch:
                    self._idle -= 1
                    try:
                        await self._answer(batch)
                    finally:
                        self._idle += 1
        finally:
            self._started -= 1

    async def _batch(self) -> list[_Waiting]:
        """Requests to run together, without those whose askers have gone."""
        share = self.most_rows
        if not self.wait_s:
            share = -(-self._queue.qsize() // max(self._idle, 1))
        batch = [self._queue.get_nowait()]
        rows, until = batch[0].rows, time.monotonic() + self.wait_s
        while rows < self.most_rows and len(batch) < share:
            if self._queue.empty():
                left = until - time.monotonic()
                if left <= 0:
                    break
                try:
                    one = await asyncio.wait_for(self._queue.get(), left)
                except TimeoutError:
                    break
            else:
                one = self._queue.get_nowait()
            batch.append(one)
            rows += one.rows
        return [one for one in batch if not one.future.cancelled()]

    async def _answer(self, batch: list[_Waiting]) -> None:
        """Run a batch and give each request its rows, or the error."""
        loop = asyncio.get_running_loop()
        try:
            answers = await loop.run_in_executor(self.pool, self._together, batch)
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it
            for one in batch:
                if not one.future.done():
                    one.future.set_exception(error)
            return
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
