import pytest
import torch

from autosplit.compress import checkpoint_files
from autosplit.compress.checkpoint_files import (
    TrainingState,
    forget_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from autosplit.errors import FileError, StageError


def state(epoch=1):
    tensors = {"a": torch.arange(6.0).view(2, 3).t(), "random": torch.arange(4, dtype=torch.uint8)}
    return TrainingState(epoch, {"lr": 0.1}, tensors, {"rows": [{"loss": 0.5}]})


def test_what_is_written_is_read(tmp_path):
    write_checkpoint(tmp_path, state())

    got = read_checkpoint(tmp_path, {"lr": 0.1})

    assert (got.epoch, got.numbers) == (1, {"rows": [{"loss": 0.5}]})
    assert all(torch.equal(got.tensors[name], value) for name, value in state().tensors.items())
    assert read_checkpoint(tmp_path / "none", {}) is None


def test_one_checkpoint_is_kept(tmp_path):
    write_checkpoint(tmp_path, state(1))
    write_checkpoint(tmp_path, state(2))

    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"checkpoint.json", "checkpoint-00002.safetensors"}
    forget_checkpoint(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_death_between_both_files_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    write_checkpoint(tmp_path, state(1))

    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint_files, "write_json", die)
    with pytest.raises(KeyboardInterrupt):
        write_checkpoint(tmp_path, state(2))

    assert read_checkpoint(tmp_path, {"lr": 0.1}).epoch == 1


def test_damaged_tensors_and_other_trainings_are_refused(tmp_path):
    write_checkpoint(tmp_path, state())
    with pytest.raises(StageError, match="differs in lr, seed"):
        read_checkpoint(tmp_path, {"lr": 0.2, "seed": 1})

    (tmp_path / "checkpoint-00001.safetensors").write_bytes(b"")

    with pytest.raises(FileError, match="must be the tensors that checkpoint"):
        read_checkpoint(tmp_path, {"lr": 0.1})
