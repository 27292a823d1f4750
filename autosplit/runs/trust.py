"""Code that a run folder names: run only if a person gave it, here, or trusts the folder.

A stamp may name ``FILE.py:FUNCTION``, and a run folder may come from anyone; so may a sweep file.
Files of code that a
person gives on the command line are remembered, by the SHA-256 of their place, in
``~/.local/state/autosplit/code`` (``$XDG_STATE_HOME`` if set).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from autosplit.errors import FileError, StageError
from autosplit.files import sha256_of, write_text
from autosplit.plainfile import read_text
from autosplit.runs.reads import is_code
from autosplit.runs.stamps import read_stamp

RUNS_CODE = ("stats", "quantize")
"""Stages that build the network and load the data, and so run the code that options name."""


def trusted_code(
    folder: Path | None, given: Mapping[str, Any], *, trust: bool = False
) -> tuple[Path, ...]:
    """Files of code that a stage will run, each given by the person or trusted.

    Args:
        folder: Run folder; None without one.
        given: Options that are given.
        trust: Whether the person trusts what the run folder names.

    Raises:
        StageError: The run folder names code that was never given here.
    """
    named = {} if folder is None else _remembered(folder)
    specs = {**named, **given}
    known = _known()
    found: dict[Path, None] = {}
    for key, path in _code_of(specs):
        if key not in given and not trust and _digest(path) not in known:
            raise StageError(f"{_unknown(folder, key, path)} (or --{key})")
        found[path] = None
    _remember(known, found)
    return tuple(found)


def trusted_sweep(
    file: Path, networks: Iterable[Mapping[str, Any]], *, trust: bool = False
) -> tuple[Path, ...]:
    """Files of code that a sweep will run, each given before or trusted.

    Args:
        file: The sweep file, which may come from anyone.
        networks: Options of each network.
        trust: Whether the person trusts what the sweep file names.

    Raises:
        StageError: The sweep file names code that was never given here.
    """
    known = _known()
    named = [one for specs in networks for one in _code_of(specs)]
    for key, path in named:
        if not trust and _digest(path) not in known:
            raise StageError(_unknown(file, key, path))
    found = dict.fromkeys(path for _, path in named)
    _remember(known, found)
    return tuple(found)


def _code_of(specs: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """Options that name code, each with its file."""
    for key, spec in specs.items():
        if isinstance(spec, str) and is_code(spec):
            yield key, Path(spec if spec.endswith(".py") else spec.rpartition(":")[0])


def _unknown(where: Path | None, key: str, path: Path) -> str:
    return (
        f"{where}: names the Python code {str(path)!r:.100} as its {key}, which was never given "
        "here; look at the file, then give --trust"
    )


def _remembered(folder: Path) -> dict[str, Any]:
    """Options of the stages that run code, as their stamps have them."""
    stamps = [read_stamp(folder, stage) for stage in RUNS_CODE]
    return {key: value for stamp in stamps if stamp for key, value in stamp.options.items()}


def _digest(path: Path) -> str:
    return sha256_of(str(path.absolute()))


def _place() -> Path:
    home = os.environ.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
    return Path(home) / "autosplit" / "code"


def _known() -> set[str]:
    """Digests of the places of code that were given before."""
    try:
        return set(read_text(_place()).split())
    except FileError:
        return set()


def _remember(known: set[str], paths: Mapping[Path, None]) -> None:
    new = {_digest(path) for path in paths} - known
    if not new:
        return
    try:
        write_text(_place(), "".join(f"{one}\n" for one in sorted(known | new)))
    except FileError:  # without a home, --trust is asked for each time
        return
