"""What a finished stage leaves: ``stages/NAME.json``, its stamp.

A stamp holds the stage's options, the SHA-256 of everything it read and the names of the files it
wrote.  A stage is done as long as options and inputs are the same and its files are there.  A file
that a person edited afterwards is kept; the stages that read it notice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from autosplit import __version__
from autosplit.errors import FileError, StageError
from autosplit.files import check_keys, read_json, write_json
from autosplit.runs.options import FREE, Options, check_options, plain

_VERSION = 2
"""Of the file's schema; in version 1, 0 and an empty text stood for None."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a finished stage left.

    Attributes:
        options: The options it was done with.
        inputs: What it read -> SHA-256.
        outputs: Files it wrote, relative to the run folder.
    """

    options: Mapping[str, Any]
    inputs: Mapping[str, str]
    outputs: tuple[str, ...]


def read_stamp(folder: Path, stage: str) -> Stamp | None:
    """What a stage left in a run folder, None if it was never finished there.

    Raises:
        StageError: The run folder is no folder.
        FileError: The file is not one that autosplit wrote.
    """
    if folder.is_file():
        raise StageError(f"{folder}: must be a run folder, it is a file")
    path = _stamp_path(folder, stage)
    if not path.exists():
        return None
    data = read_json(path, "stage", _VERSION)
    problems = check_keys(data, ("options", "inputs", "outputs"), ("made_by",), where=str(path))
    problems = problems or _value_problems(data, path)
    if problems:
        raise FileError("; ".join(problems))
    return Stamp(data["options"], data["inputs"], tuple(data["outputs"]))


def _value_problems(data: Mapping[str, Any], path: Path) -> list[str]:
    """What is wrong with the values of a stamp."""
    problems = [
        f"{path}: {key}: must be a mapping, got {data[key]!r:.60}"
        for key in ("options", "inputs")
        if not isinstance(data[key], dict)
    ]
    outputs = data["outputs"]
    if not isinstance(outputs, list):
        return [*problems, f"{path}: outputs: must be a list, got {outputs!r:.60}"]
    outside = [name for name in outputs if not _is_inside(name)]
    return problems + [
        f"{path}: outputs: must be inside the run folder, got {name!r:.60}" for name in outside
    ]


def _is_inside(name: Any) -> bool:
    """Whether a file name stays in the folder that it is relative to."""
    return isinstance(name, str) and not Path(name).is_absolute() and ".." not in Path(name).parts


def write_stamp(folder: Path, stage: str, stamp: Stamp) -> None:
    """Say that a stage is finished."""
    data = {
        "made_by": f"autosplit {__version__}",
        "options": dict(stamp.options),
        "inputs": dict(stamp.inputs),
        "outputs": list(stamp.outputs),
    }
    write_json(_stamp_path(folder, stage), "stage", data, _VERSION)


def clear_stamp(folder: Path, stage: str) -> None:
    """Say that a stage is being done again, so that files half-written are never taken as done."""
    _stamp_path(folder, stage).unlink(missing_ok=True)


def is_done(folder: Path, stage: str, options: Options, inputs: Mapping[str, str]) -> bool:
    """Whether a stage was finished with these options and inputs, and its files are there."""
    stamp = read_stamp(folder, stage)
    if stamp is None or dict(stamp.inputs) != dict(inputs):
        return False
    now, then = plain(options), dict(stamp.options)
    if any(key not in then or now[key] != then[key] for key in now.keys() - FREE):
        return False
    return all((folder / name).exists() for name in stamp.outputs)


def resolve(given: Mapping[str, Any], recorded: Stamp | None, default: Options) -> Options:
    """Options of a stage: those given, else those it was last done with, else the defaults.

    Raises:
        StageError: An option that is given is unknown.
    """
    known = {field.name for field in fields(default)}
    check_options(given, known)
    before = recorded.options if recorded is not None else {}
    values = {key: value for key, value in before.items() if key in known}
    return replace(default, **{**values, **given})


def _stamp_path(folder: Path, stage: str) -> Path:
    return folder / "stages" / f"{stage}.json"
