"""Tensors as rows of samples, in parts that fit the cache or the memory, and threads for these."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch
from torch import Tensor

from autosplit.capture.program import Batches, Program

TILE = 1 << 17
"""Elements worked on at a time, so that they stay in cache."""
_GRADIENTS = 3 << 28  # elements of gradients that are kept at a time


def sample_rows(value: Tensor) -> Tensor:
    """A tensor with the batch first as (n, elements), float, in any order within a sample."""
    order = sorted(range(1, value.dim()), key=value.stride, reverse=True)
    rows = value.permute(0, *order).reshape(len(value), -1)
    return rows if rows.dtype in (torch.float32, torch.float64) else rows.float()


def pieces(rows: Tensor) -> tuple[list[slice], list[Tensor]]:
    """Cut rows into pieces for the workers: groups of rows, or of columns if there are few rows.

    Returns:
        Which rows each piece holds, and the pieces.
    """
    threads = torch.get_num_threads()
    count, length = rows.shape
    if rows.numel() <= TILE:
        return [slice(0, count)], [rows]
    if count >= threads:
        size = -(-count // (threads * min(2, count // threads)))
        wheres = [slice(first, min(first + size, count)) for first in range(0, count, size)]
        return wheres, [rows[where] for where in wheres]
    columns = torch.split(rows, -(-length // threads), dim=1)
    return [slice(0, count)] * len(columns), list(columns)


def tiles(piece: Tensor) -> tuple[Tensor, ...]:
    """Blocks of all rows and some columns of a piece, that fit the cache."""
    return torch.split(piece, max(TILE // len(piece), 1), dim=1)


@contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    """Threads, as many as torch uses, in each of which torch runs on one.

    Counting is serial in torch, and a tile is too small to share: so tiles run side by side.
    """
    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(threads)  # what a new thread begins with


def chunks(program: Program, batches: Batches, copies: int) -> Iterator[tuple[Tensor, ...]]:
    """The samples, as many at a time as their gradients fit the memory that is for them."""
    elements = sum(map(program.graph.elements, program.graph.tensors))
    for batch in batches():
        yield from program.steps(batch, _GRADIENTS // (elements * copies))


def rows_of_tensor(program: Program, tensor: str, value: Tensor) -> Tensor:
    """A tensor, or its gradient, as (samples, elements), without gradients."""
    samples = program.samples(tensor, value.detach())
    return samples.reshape(len(samples), -1)  # one element a sample has no axis of its own
