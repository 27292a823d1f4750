"""Requests that come together run together, and each gets its own answer."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from autosplit.deploy.batcher import Batcher, QueueFullError


class Doubling:
    """A model that doubles, counts its runs, and fails on a negative number."""

    def __init__(self):
        self.rows = []

    def run(self, inputs):
        value = inputs["x"]
        self.rows.append(len(value))
        if (value < 0).any():
            raise ValueError("negative")
        return {"y": 2 * value}


async def ask(batcher, *numbers):
    value = np.array(numbers, np.float32).reshape(-1, 1)
    ran = await batcher.run({"x": value})
    assert ran.run_s > 0
    np.testing.assert_array_equal(ran.outputs["y"], 2 * value)


def run(coroutine_of, **options):
    model = Doubling()

    async def main():
        with ThreadPoolExecutor(1) as pool:
            await coroutine_of(Batcher(model, pool, **options))

    asyncio.run(main())
    return model


def test_each_request_gets_its_own_rows():
    async def many(batcher):
        await asyncio.gather(*(ask(batcher, n, n + 0.5) for n in range(20)))

    model = run(many, most_rows=8, wait_s=0.05)

    assert sum(model.rows) == 40
    assert max(model.rows) == 8


def test_requests_of_different_lengths_get_their_own_rows():
    async def many(batcher):
        await asyncio.gather(*(ask(batcher, *range(1, count + 1)) for count in (1, 3, 2)))

    assert run(many, most_rows=8, wait_s=0.05).rows == [6]


def test_without_a_wait_what_is_there_runs_together():
    async def many(batcher):
        await asyncio.gather(*(ask(batcher, n) for n in range(6)))

    assert sum(run(many).rows) == 6


def test_workers_share_what_is_there():
    async def many(batcher):
        await asyncio.gather(*(ask(batcher, n) for n in range(12)))

    rows = run(many, workers=3).rows

    # of 12 the first takes a third, the second half of the rest, the third what is left
    assert rows == [4, 4, 4]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_request_is_answered_by_any_number_of_workers(workers):
    async def many(batcher):
        for _ in range(30):
            await asyncio.gather(*(ask(batcher, n) for n in range(7)))
            await ask(batcher, 1)

    assert sum(run(many, workers=workers).rows) == 30 * 8


def test_a_full_queue_refuses():
    async def many(batcher):
        results = await asyncio.gather(*(ask(batcher, n) for n in range(5)), return_exceptions=True)
        assert [type(one) for one in results].count(QueueFullError) == 3

    run(many, most_waiting=2)


def test_an_error_reaches_who_asked_and_the_next_request_runs():
    async def one_wrong(batcher):
        with pytest.raises(ValueError, match="negative"):
            await batcher.run({"x": np.array([[-1.0]], np.float32)})
        await ask(batcher, 3)

    run(one_wrong)
