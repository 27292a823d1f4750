"""Where the searches of a sweep are done: in this process, in several, or on a dask cluster."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from autosplit.errors import MissingExtraError, OptionError, did_you_mean
from autosplit.sweep.file import SweepError
from autosplit.sweep.job import JobResult, SearchJob, do_job

CONNECT_S = 5
"""How long to look for a scheduler, and for one that went away."""
WORKERS_S = 60
"""How long to wait for a scheduler's first worker."""
ENDED = (
    "jobs: a process was ended from outside, or for lack of memory; what is done is kept, run "
    "the same command again, with fewer --jobs if it is memory"
)


@dataclass(frozen=True, slots=True)
class Where:
    """Where the searches of a sweep are done; it changes no result.

    Attributes:
        backend: One of ``BACKENDS``.
        jobs: Processes on this machine: networks measured and, with joblib, searches at once.
        scheduler: Address of a dask scheduler.

    Raises:
        SweepError: These do not go together.
    """

    backend: str = "joblib"
    jobs: int = 1
    scheduler: str | None = None

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            near = did_you_mean(self.backend, BACKENDS)
            raise OptionError(f"backend: unknown backend {self.backend!r}{near}")
        if (self.backend == "dask") != bool(self.scheduler):
            raise OptionError(
                "scheduler: must be given with backend dask and with no other, as in "
                f"--backend dask --scheduler tcp://HOST:8786, got {self.scheduler or 'none'!r} "
                f"with {self.backend}"
            )
        if self.jobs < 1:
            raise OptionError(f"jobs: must be at least 1, got {self.jobs}")


def do_jobs(jobs: Sequence[SearchJob], where: Where) -> Iterator[tuple[int, JobResult]]:
    """Do searches and yield the number of each and what became of it, as they end.

    Raises:
        SweepError: The scheduler is not there or went away, or a process was ended.
    """
    return BACKENDS[where.backend](jobs, where)


def _by_joblib(jobs: Sequence[SearchJob], where: Where) -> Iterator[tuple[int, JobResult]]:
    """In this process, or in some that belong to its group and end with it."""
    if where.jobs == 1:
        yield from ((number, do_job(job)) for number, job in enumerate(jobs))
        return
    from joblib import Parallel, delayed  # noqa: PLC0415

    run = Parallel(n_jobs=where.jobs, batch_size=1, return_as="generator_unordered")
    try:
        yield from run(delayed(_numbered)(number, job) for number, job in enumerate(jobs))
    except BrokenProcessPool as error:
        raise SweepError(ENDED) from error


def _numbered(number: int, job: SearchJob) -> tuple[int, JobResult]:
    return number, do_job(job)


def _by_dask(jobs: Sequence[SearchJob], where: Where) -> Iterator[tuple[int, JobResult]]:
    """On the workers of a scheduler."""
    try:
        dask: Any = importlib.import_module("distributed")
    except ImportError as error:
        raise MissingExtraError(
            "dask: needs the package distributed, install it with: pip install 'autosplit[dask]'"
        ) from error
    address = str(where.scheduler)
    lost = f"{address}: the scheduler went away; what is done is kept, run the same command again"
    with _quiet():
        try:
            client = dask.Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise SweepError(f"{address}: must be a dask scheduler, none answers") from error
        try:
            numbers = {client.submit(do_job, job, pure=False): n for n, job in enumerate(jobs)}
            _wait_for_a_worker(client, address)
            for future in dask.as_completed(numbers, loop=client.loop):
                yield numbers[future], future.result()
        except (OSError, CancelledError) as error:
            raise SweepError(lost) from error
        except dask.KilledWorker as error:
            raise SweepError(f"{address}: workers end while they do a job, {error}") from error
        except ImportError as error:
            raise SweepError(f"{address}: workers must have autosplit, {error}") from error
        finally:
            client.close(timeout=CONNECT_S)


def _wait_for_a_worker(client: Any, address: str) -> None:
    """Let a scheduler that starts its workers when there is work do so."""
    try:
        client.wait_for_workers(1, timeout=WORKERS_S)
    except TimeoutError as error:
        raise SweepError(
            f"{address}: must have a worker within {WORKERS_S} seconds, has none"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep dask from logging what is raised as one clear line."""
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


BACKENDS: dict[str, Callable[[Sequence[SearchJob], Where], Iterator[tuple[int, JobResult]]]] = {
    "dask": _by_dask,
    "joblib": _by_joblib,
}
"""Backend name -> function."""
