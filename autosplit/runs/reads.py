"""Files that a person's Python code read while it built a network or gave images.

``FILE.py:FUNCTION`` may import modules from beside it, load weights and list folders of pictures.
Python tells an audit hook of every file that it opens and every folder that it lists; a stage keeps
these names with their SHA-256 in its stamp, and is done again when one of them changed.  Files
that a library in C opens by itself are not seen, save those of safetensors; ``state`` and
``batches`` in a stamp, digests of the built network and of the ends of the data, stand for these.
"""

from __future__ import annotations

import linecache
import os
import re
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.util import source_from_cache
from pathlib import Path
from typing import Any

from autosplit.errors import FileError
from autosplit.files import sha256_of, sha256_of_file

READ = "read "
"""Beginning of the name, among the inputs of a stamp, of a file or folder that code read."""
STATE = "state"
"""Name, among the inputs of a stamp, of the hash of the network as it was built."""
BATCHES = "batches"
"""Name of the digest of the first and the last batch that a function gave; empty: never equal."""
MOST_HASHED_BYTES = 1 << 28
"""Bytes of the largest file that is hashed; of a larger one the size and the time are compared."""
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_LISTS = {"os.listdir", "os.scandir"}
_OWN = str(Path(__file__).parent.parent) + os.sep
_READERS = (f"{_OWN}data{os.sep}", f"{_OWN}models{os.sep}")


class _Recorder:
    """Paths that were opened and listed while it was active."""

    def __init__(self) -> None:
        self.read: set[str] = set()
        self.written: set[str] = set()

    def open(self, path: str, flags: int) -> None:
        """Note a file that is opened."""
        (self.written if flags & _WRITES else self.read).add(path)


_active: list[_Recorder] = []


@contextmanager
def recording(outside: Sequence[Path] = ()) -> Iterator[Callable[[], dict[str, str]]]:
    """Note what Python code reads inside the block.

    Args:
        outside: Folders whose files do not count.

    Yields:
        A function that gives the name of each file and folder that was read, as it stands in a
        stamp, with the SHA-256 of what it holds now.
    """
    _install()
    recorder = _Recorder()
    folders = [_absolute(folder) for folder in outside]
    _active.append(recorder)

    def found() -> dict[str, str]:
        paths = sorted(map(_source, recorder.read - recorder.written))
        kept = [path for path in paths if not any(_is_in(path, one) for one in folders)]
        return hash_reads((READ + _shown(path) for path in kept), outside)

    try:
        with _safetensors_told():
            yield found
    finally:
        _active.remove(recorder)


def is_code(spec: str) -> bool:
    """Whether a network or data set is a function in a Python file, ``FILE.py:FUNCTION``.

    >>> is_code("nets/mine.py:build"), is_code("nets/mine.pt2")
    (True, False)
    """
    return re.search(r"\.py(:\w*)?$", spec) is not None


def hash_reads(names: Iterable[str], outside: Sequence[Path] = ()) -> dict[str, str]:
    """SHA-256, now, of files and folders by their names in a stamp; empty for one that is gone.

    Args:
        names: Names that ``recording`` gave; other names are left out.
        outside: Files outside the folder, as in ``recording``; a folder that is listed may hold
            one of them.
    """
    folders = [_absolute(folder) for folder in outside]
    found = [name for name in names if name.startswith(READ)]
    return {name: _hash(Path(name[len(READ) :]), folders) for name in found}


def changed_reads(inputs: Mapping[str, str], outside: Sequence[Path] = ()) -> list[str]:
    """Paths that code read and that have changed since, or are gone.

    Args:
        inputs: Inputs of a stamp.
        outside: Files outside the folder, as in ``recording``.
    """
    now = hash_reads(inputs, outside)
    return [name[len(READ) :] for name, sha in now.items() if inputs[name] != sha]


def hash_of_code(inputs: Mapping[str, str]) -> str:
    """SHA-256 of what code read and gave, as a stamp has it; empty where no code did.

    Args:
        inputs: Inputs of the stamp of ``stats``.
    """
    found = {k: v for k, v in inputs.items() if k.startswith(READ) or k == BATCHES}
    return sha256_of(repr((inputs.get(STATE), sorted(found.items())))) if found else ""


def _hash(path: Path, outside: Sequence[str] = ()) -> str:
    try:
        if path.is_dir():
            inside = [one for one in path.iterdir() if one.name != "__pycache__"]
            kept = [p.name for p in inside if not any(_is_in(o, _absolute(p)) for o in outside)]
            return sha256_of("\n".join(sorted(kept)))
        if path.is_file() and path.stat().st_size > MOST_HASHED_BYTES:
            about = path.stat()
            return sha256_of(f"{about.st_size} {about.st_mtime_ns}")
        return sha256_of_file(path)
    except (FileError, OSError):
        return ""


def _shown(path: str) -> str:
    """A path as the stamp has it: from the current folder, if it is inside of it."""
    here = str(Path.cwd())
    return os.path.relpath(path, here) if _is_in(path, here) else path


def _absolute(path: str | os.PathLike[str]) -> str:
    """A path from the root, its links as they are: a link may be moved to another file."""
    return os.path.abspath(path)  # noqa: PTH100 - resolve would follow links


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _source(path: str) -> str:
    """The Python file that a compiled one was made of; any other file as it is."""
    if not path.endswith(".pyc"):
        return path
    try:
        return source_from_cache(path)
    except ValueError:
        return path


@cache
def _install() -> None:
    """Listen to what Python opens and lists, once for the whole process."""
    sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _active or (event != "open" and event not in _LISTS):
        return
    name = arguments[0] if arguments else None
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    if not isinstance(name, str | os.PathLike) and name is not None:
        return  # a file that is open already, by its number
    path = _absolute(name or ".")
    if _is_installed(path) or not _by_a_person(event != "open"):
        return
    flags = arguments[2] if event == "open" and isinstance(arguments[2], int) else 0
    for recorder in _active:
        recorder.open(path, flags)


def _by_a_person(lists: bool) -> bool:
    """Whether a person's code, or what reads a person's network or data, asked for a file.

    The frames are looked at from the innermost one to the first of autosplit.  A package that is
    being imported reads its own files; a folder that is listed to find a module says nothing.

    Args:
        lists: Whether a folder is listed.
    """
    frame = sys._getframe(2)  # noqa: SLF001 - an audit hook gets no frame
    in_package = in_import = by_code = False
    while frame is not None:
        file = frame.f_code.co_filename
        if by_code and not file.startswith(_OWN):
            pass
        elif file == __file__:
            in_package = True
        elif file == linecache.__file__:  # lines to show in a traceback or a warning
            return False
        elif "importlib" in file:
            if in_package or (lists and not in_import):
                return False
            in_import = True
        elif file.startswith(_OWN):
            return by_code or (file.startswith(_READERS) and not in_import)
        elif file.startswith("<") or _is_installed(file):
            in_package = True
        else:
            by_code = True
        frame = frame.f_back  # type: ignore[assignment]
    return by_code and threading.current_thread() is not threading.main_thread()


def _is_installed(path: str) -> bool:
    """Whether a path belongs to Python, to a package or to the system."""
    return path.startswith(_installed()) or "site-packages" in path or "dist-packages" in path


@cache
def _installed() -> tuple[str, ...]:
    known = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    known |= {_OWN, "/proc/", "/sys/", "/dev/", "/etc/", "/usr/", "/lib/", "/lib64/"}
    return tuple(path for path in known if path)


@contextmanager
def _safetensors_told() -> Iterator[None]:
    """Files that safetensors opens in its own language are told to the audit hook too."""
    import safetensors

    homes = [safetensors, *(sys.modules.get(f"safetensors.{name}") for name in ("torch", "numpy"))]
    before = safetensors.safe_open

    def told(filename: Any, *more: Any, **named: Any) -> Any:
        sys.audit("open", os.fspath(filename), "rb", os.O_RDONLY)
        return before(filename, *more, **named)

    places = [home for home in homes if getattr(home, "safe_open", None) is before]
    for home in places:
        home.safe_open = told  # type: ignore[union-attr]
    try:
        yield
    finally:
        for home in places:
            home.safe_open = before  # type: ignore[union-attr]
