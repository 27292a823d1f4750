"""A plain file, opened without waiting and read up to a bound, whatever it may be."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

from autosplit.errors import FileError

MOST_BYTES = 1 << 26
"""Bytes of the largest text file that is read; a plan of a large network takes a few million."""


def open_plain(path: Path) -> io.BufferedReader:
    """A plain file, opened for reading; a pipe or a device is refused and never waited for.

    Raises:
        FileError: It is missing, unreadable, or no plain file.
    """
    try:
        file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - its reader closes it
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = getattr(error, "strerror", None) or error
        raise FileError(f"{path}: must be a readable file, {reason}") from error
    mode = os.fstat(file.fileno()).st_mode
    if not stat.S_ISREG(mode):
        file.close()
        raise FileError(f"{path}: must be a plain file, it is {_kind_of(mode)}")
    return file


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_text(path: Path) -> str:
    """Text of a plain file of at most ``MOST_BYTES``; each line ends in one newline.

    Raises:
        FileError: It is missing, no plain file, too large, or no UTF-8.
    """
    with open_plain(path) as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise FileError(f"{path}: must have at most {MOST_BYTES:,} bytes, has more")
    try:
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: must be UTF-8 text, {error}") from error


def _kind_of(mode: int) -> str:
    """What a path that is no plain file is, in words."""
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
    return next((name for check, name in kinds if check(mode)), "a device")
