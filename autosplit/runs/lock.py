"""One writer per run folder: a lock on a file in it, and temporary files that a dead one left."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from autosplit.errors import FileError, StageError

LOCK = ".lock"
"""File in a run folder that the process locks which writes there."""
_PARTS = ("plans", "quantized", "stages", "stages/scores", "stages/finished_scores", "profiles")
_TEMPORARY = re.compile(r"\..+\.(\d+)\.[0-9a-z_]+\.tmp")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the one process that writes into a run folder, which is made if it is not there.

    Temporary files of processes that ended while they wrote are deleted.

    Raises:
        FileError: The folder cannot be written.
        StageError: Another process, or another thread, writes there.
    """
    from filelock import FileLock, Timeout  # imports 50 modules

    made: list[Path] = []
    try:
        made = [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
        lock = FileLock(folder / LOCK, timeout=0, thread_local=False)
        lock.acquire()
    except Timeout:
        raise StageError(
            f"{folder}: must be written by one process at a time, another one works there; wait "
            "for it, or choose another run folder with --run"
        ) from None
    except (OSError, ValueError, NotImplementedError) as error:  # ValueError: a null byte
        reason = getattr(error, "strerror", None) or error
        raise FileError(f"{str(folder)[:200]}: must be a place to write to, {reason}") from error
    try:
        _check_parts(folder)
        _clean(folder)
        yield
    finally:
        if made and not any(path.name != LOCK for path in folder.iterdir()):
            _remove(made)  # nothing was written
        lock.release()


def _check_parts(folder: Path) -> None:
    """Refuse a run folder whose parts lead out of it.

    Raises:
        FileError: One does.
    """
    for name in _PARTS:
        if (folder / name).is_symlink():
            raise FileError(f"{folder / name}: must be a folder, it is a link")


def _remove(folders: list[Path]) -> None:
    """Delete folders that hold nothing, the innermost first, whose first one holds the lock."""
    (folders[0] / LOCK).unlink(missing_ok=True)
    with suppress(OSError):  # one of them is no longer empty
        for folder in folders:
            folder.rmdir()


def _clean(folder: Path) -> None:
    """Delete temporary files of processes that are no more."""
    for path in folder.rglob(".*.tmp"):
        found = _TEMPORARY.fullmatch(path.name)
        if found and not _is_alive(int(found[1])):
            path.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    """Whether a process of this number runs on this machine."""
    if process == os.getpid():
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
