"""Checkpoints of a training: tensors in safetensors, all else in JSON, whole or not at all.

``checkpoint.json`` names the file of tensors by its SHA-256 and is moved into place last, so that a
process that is killed at any time leaves the checkpoint before or the new one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

from autosplit.errors import FileError, StageError
from autosplit.files import read_json, sha256_of_file, write_bytes, write_json
from autosplit.plainfile import delete

CHECKPOINT_FILE = "checkpoint.json"


@dataclass(frozen=True)
class TrainingState:
    """A training between two epochs.

    Attributes:
        epoch: Epochs that are done.
        made_of: What the training is of; a training is only resumed by the same.
        tensors: Parameters, buffers and states of the optimizer by name.
        numbers: All else that JSON can hold.
    """

    epoch: int
    made_of: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    numbers: Mapping[str, Any]


def write_checkpoint(folder: Path, state: TrainingState) -> None:
    """Write a checkpoint, then delete the one before."""
    name = f"checkpoint-{state.epoch:05d}.safetensors"
    whole = {key: value.detach().contiguous().clone() for key, value in state.tensors.items()}
    write_bytes(folder / name, save(whole))
    data = {
        "epoch": state.epoch,
        "made_of": dict(state.made_of),
        "numbers": dict(state.numbers),
        "tensors": name,
        "sha256": sha256_of_file(folder / name),
    }
    write_json(folder / CHECKPOINT_FILE, "checkpoint", data)
    for old in folder.glob("checkpoint-*.safetensors"):
        if old.name != name:
            delete(old)


def read_checkpoint(folder: Path, made_of: Mapping[str, Any]) -> TrainingState | None:
    """Read the checkpoint of a folder; None where there is none.

    Args:
        folder: The folder.
        made_of: What the training is of that goes on.

    Raises:
        FileError: Its tensors are damaged or missing.
        StageError: It is of another training.
    """
    path = folder / CHECKPOINT_FILE
    if not path.exists():
        return None
    data = read_json(path, "checkpoint")
    own = json.loads(json.dumps(made_of))
    other = sorted(
        key for key in {*own, *data["made_of"]} if own.get(key) != data["made_of"].get(key)
    )
    if other:
        raise StageError(
            f"{path}: must be of the training that goes on, differs in {', '.join(other)}; "
            "give the same options, or leave --resume out to begin anew"
        )
    tensors = folder / Path(data["tensors"]).name
    if not tensors.is_file() or sha256_of_file(tensors) != data["sha256"]:
        raise FileError(f"{tensors}: must be the tensors that {CHECKPOINT_FILE} names, is not")
    return TrainingState(
        data["epoch"], data["made_of"], load(tensors.read_bytes()), data["numbers"]
    )


def forget_checkpoint(folder: Path) -> None:
    """Delete the checkpoint of a folder, if there is one."""
    delete(folder / CHECKPOINT_FILE)
    for old in folder.glob("checkpoint-*.safetensors"):
        delete(old)
