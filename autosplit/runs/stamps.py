"""What a finished stage leaves: ``stages/NAME.json``, its stamp.

A stamp holds the stage's options, the SHA-256 of everything it read and of the files it wrote, and
the SHA-256 of itself.  A stage is done as long as options and inputs are the same and its files are
there as it wrote them.  A plan that a person edited afterwards is kept; the stages that read it
notice, and say so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from autosplit import __version__
from autosplit.errors import FileError, StageError
from autosplit.files import check_keys, read_json, sha256_of, sha256_of_file, write_json
from autosplit.plainfile import delete, exists, is_inside
from autosplit.runs.options import FREE, Options, check_options, plain

_VERSION = 3
"""Of the file's schema; version 2 had no SHA-256 of outputs and of itself."""
_EDITABLE = "plans/"
"""Folder whose files a person may edit."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a finished stage left.

    Attributes:
        options: The options it was done with.
        inputs: What it read -> SHA-256.
        outputs: Files it wrote, relative to the run folder -> SHA-256.
    """

    options: Mapping[str, Any]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


def read_stamp(folder: Path, stage: str) -> Stamp | None:
    """What a stage left in a run folder, None if it was never finished there.

    Raises:
        StageError: The run folder is no folder.
        FileError: The file is not one that autosplit wrote.
    """
    if exists(folder) and folder.is_file():
        raise StageError(f"{folder}: must be a run folder, it is a file")
    path = _stamp_path(folder, stage)
    if not exists(path):
        return None
    data = read_json(path, "stage", _VERSION)
    keys = ("made_by", "options", "inputs", "outputs", "sha256")
    problems = check_keys(data, keys, where=str(path)) or _value_problems(data, path, folder)
    if problems:
        raise FileError("; ".join(problems))
    return Stamp(data["options"], data["inputs"], data["outputs"])


def _value_problems(data: Mapping[str, Any], path: Path, folder: Path) -> list[str]:
    """What is wrong with the values of a stamp."""
    problems = [
        f"{path}: {key}: must be a mapping, got {data[key]!r:.60}"
        for key in ("options", "inputs", "outputs")
        if not isinstance(data[key], dict)
    ]
    if problems:
        return problems
    texts = {**data["inputs"], **data["outputs"]}
    problems += [
        f"{path}: outputs: must be inside the run folder, got {name!r:.60}"
        for name in data["outputs"]
        if not is_inside(name, folder)
    ]
    problems += [
        f"{path}: {name!r:.60}: must be text, got {value!r:.60}"
        for name, value in texts.items()
        if not isinstance(value, str)
    ]
    if not problems and data["sha256"] != _sha256(data):
        must = "must be as autosplit wrote it, was changed since; delete it to do the stage again"
        problems = [f"{path}: {must}"]
    return problems


def _sha256(data: Mapping[str, Any]) -> str:
    """SHA-256 of all that a stamp says."""
    parts = {key: data[key] for key in ("made_by", "options", "inputs", "outputs")}
    return sha256_of(json.dumps(parts, sort_keys=True))


def write_stamp(folder: Path, stage: str, stamp: Stamp) -> None:
    """Say that a stage is finished."""
    data: dict[str, Any] = {
        "made_by": f"autosplit {__version__}",
        "options": dict(stamp.options),
        "inputs": dict(stamp.inputs),
        "outputs": dict(stamp.outputs),
    }
    data["sha256"] = _sha256(data)
    write_json(_stamp_path(folder, stage), "stage", data, _VERSION)


def clear_stamp(folder: Path, stage: str) -> None:
    """Say that a stage is being done again, so that files half-written are never taken as done."""
    delete(_stamp_path(folder, stage))


def is_done(folder: Path, stage: str, options: Options, inputs: Mapping[str, str]) -> bool:
    """Whether a stage was finished with these options and inputs, and its files are there."""
    stamp = read_stamp(folder, stage)
    if stamp is None or dict(stamp.inputs) != dict(inputs):
        return False
    now, then = plain(options), dict(stamp.options)
    if any(key not in then or now[key] != then[key] for key in now.keys() - FREE):
        return False
    return not changed_outputs(folder, stamp)


def changed_outputs(folder: Path, stamp: Stamp) -> list[str]:
    """Files that a stage wrote and that are gone or others now; an edited plan is no such file."""
    now = {name: _hash_of(folder / name) for name in stamp.outputs}
    return [
        name
        for name, sha in stamp.outputs.items()
        if not now[name] or (now[name] != sha and not name.startswith(_EDITABLE))
    ]


def edited_plans(folder: Path, stamps: Iterable[Stamp]) -> list[str]:
    """Plans among the outputs of stages that were edited since they were written."""
    wrote = {name: sha for stamp in stamps for name, sha in stamp.outputs.items()}
    names = [name for name in wrote if name.startswith(_EDITABLE)]
    return [name for name in names if _hash_of(folder / name) not in ("", wrote[name])]


def _hash_of(path: Path) -> str:
    """SHA-256 of a file, empty if it is none."""
    try:
        return sha256_of_file(path)
    except FileError:
        return ""


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
