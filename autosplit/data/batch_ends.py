"""Digest of the first and the last batch that a function in a Python file of the user returns."""

import hashlib
from collections.abc import Iterable, Mapping, Sized
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from autosplit.data.python_file import call_function
from autosplit.errors import DataError


def batch_ends(spec: str, seed: int) -> str:
    """SHA-256 of the ends of what a function returns; empty where two calls give two digests.

    Of data that can be counted and taken by number, the first and the last item are read; of a
    loader its first batch and the last item of its data set; of other data the first item.

    Args:
        spec: ``path/to/file.py:function``.
        seed: Seed of torch's random generator in the function.

    Raises:
        DataError: The function fails.
    """
    first, second = _digest_of(spec, seed), _digest_of(spec, seed)
    return first if first == second else ""


def _digest_of(spec: str, seed: int) -> str:
    found = call_function(spec, DataError, seed)
    digest = hashlib.sha256()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            _add(digest, found, 0)
        except (Exception, SystemExit) as error:
            text = " ".join(f"{type(error).__name__}: {error}".split())
            raise DataError(f"{spec}: must give batches without an error, got {text}") from error
    return digest.hexdigest()


def _add(digest: Any, value: Any, depth: int) -> None:
    """Add the ends of a value to a digest: tensors whole, of other sequences both ends."""
    digest.update(f"\n{type(value).__name__} ".encode())
    if isinstance(value, Tensor):
        stored = value.detach().cpu().contiguous()
        digest.update(f"{stored.dtype} {tuple(stored.shape)} ".encode())
        digest.update(stored.reshape(-1).view(torch.uint8).numpy().data)
    elif hasattr(value, "tobytes") and hasattr(value, "shape"):
        digest.update(f"{value.shape} ".encode() + value.tobytes())
    elif isinstance(value, str | bytes | int | float | complex | None):
        digest.update(repr(value).encode())
    elif depth > 8:
        return
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            digest.update(repr(key).encode())
            _add(digest, inner, depth + 1)
    else:
        for inner in _ends(digest, value):
            _add(digest, inner, depth + 1)


def _ends(digest: Any, value: Any) -> Iterable[Any]:
    """The first and the last item of a value, where it has any."""
    count = len(value) if isinstance(value, Sized) else None
    digest.update(f"{count} ".encode())
    if count and hasattr(value, "__getitem__"):
        return value[0], value[count - 1]
    if not isinstance(value, Iterable):
        return ()
    items = getattr(value, "dataset", None)
    if count and isinstance(items, Sized) and hasattr(items, "__getitem__") and len(items):
        return next(iter(value)), items[len(items) - 1]
    return islice(value, 1)
