"""A plain file, opened without waiting and read up to a bound, whatever it may be."""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autosplit.errors import FileError

MOST_BYTES = 1 << 26
"""Bytes of the largest text file that is read; a plan of a large network takes a few million."""


_PLAIN = re.compile(r"[\w+][\w .+()=@-]{0,119}")


def is_plain_name(name: Any) -> bool:
    """Whether a name may be that of a file in a run folder, or stand in a table.

    It has no slash, comma, quote or line break, does not begin with a dot, and is not too long.

    >>> is_plain_name("cut003-00"), is_plain_name("../x"), is_plain_name("a,b")
    (True, False, False)
    """
    return isinstance(name, str) and bool(_PLAIN.fullmatch(name)) and name == name.strip()


def is_inside(name: Any, folder: Path) -> bool:
    """Whether a file name of plain parts stays in the folder that it is relative to.

    A link in the folder that leads out of it is no way either.
    """
    if not isinstance(name, str) or not all(map(is_plain_name, name.split("/"))):
        return False
    try:
        return (folder / name).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a name that is too long; links in a circle
        return False


def exists(path: Path) -> bool:
    """Whether there is anything of this name.

    Raises:
        FileError: Its name is too long or otherwise no name.
    """
    try:
        return path.exists()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileError(f"{str(path)[:200]}: must be a name of a file, {reason}") from error


def delete(path: Path) -> None:
    """Delete a file, if there is one.

    Raises:
        FileError: It cannot be deleted.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise FileError(
            f"{path}: must be a file that can be deleted, {error.strerror or error}"
        ) from error


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
    data = _read(path)
    try:
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: must be UTF-8 text, {error}") from error


def read_latin_text(path: Path) -> str:
    """Text of a plain file in UTF-8, with or without a byte order mark, or else in Latin-1.

    Raises:
        FileError: It is missing, no plain file, too large, or no text: it holds null bytes.
    """
    data = _read(path)
    if b"\0" in data:
        raise FileError(f"{path}: must be a text file in UTF-8 or Latin-1, holds null bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def listed_files(path: Path, place: Callable[[str], Path]) -> list[Path]:
    """Files that a list names, one a line.

    ``#`` at the begin of a line, or behind a space, begins a comment, unless a file has that name;
    backslashes may stand for slashes, as Windows writes them.

    Args:
        path: The list.
        place: Finds the file of a name.

    Raises:
        FileError: The list cannot be read, as ``read_latin_text`` says, or a name is too long.
    """
    found = []
    for number, line in enumerate(read_latin_text(path).splitlines(), 1):
        if not (name := line.strip()):
            continue
        try:
            if (whole := place(name)).is_file():
                found.append(whole)
            elif name := _COMMENT.sub("", name):
                other = place(name.replace("\\", "/"))
                found.append(other if other.is_file() else place(name))
        except OSError as error:
            text = f"{path}:{number}: must be the name of a file, {error.strerror}"
            raise FileError(f"{text}, got {name[:60]!r}") from error
    return found


_COMMENT = re.compile(r"(^|\s+)#.*")
"""A comment, with the space before it."""


def _read(path: Path) -> bytes:
    """Bytes of a plain file of at most ``MOST_BYTES``."""
    with open_plain(path) as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise FileError(f"{path}: must have at most {MOST_BYTES:,} bytes, has more")
    return data


def _kind_of(mode: int) -> str:
    """What a path that is no plain file is, in words."""
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
    return next((name for check, name in kinds if check(mode)), "a device")
