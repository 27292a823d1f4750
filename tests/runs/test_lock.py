"""One writer per run folder; what dead writers left is cleaned."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from autosplit.errors import FileError, StageError
from autosplit.files import write_text
from autosplit.runs.lock import LOCK, locked


def test_a_second_process_is_refused_in_one_line_while_the_first_works(tmp_path):
    context = multiprocessing.get_context("fork")
    told, answer = context.Queue(), context.Queue()

    def other():
        with locked(tmp_path):
            told.put("inside")
            answer.get()

    process = context.Process(target=other)
    process.start()
    told.get(timeout=30)
    with pytest.raises(StageError) as caught, locked(tmp_path):
        pass
    answer.put("go")
    process.join()

    assert str(caught.value) == (
        f"{tmp_path}: must be written by one process at a time, another one works there; wait for "
        "it, or choose another run folder with --run"
    )
    with locked(tmp_path):
        assert (tmp_path / LOCK).exists()


def test_a_second_lock_in_one_process_is_refused_too(tmp_path):
    with locked(tmp_path), pytest.raises(StageError), locked(tmp_path):
        pass


def test_a_folder_that_was_made_for_nothing_is_gone_again(tmp_path):
    with locked(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b" / LOCK).exists()
    assert list(tmp_path.iterdir()) == []

    with locked(tmp_path / "a" / "b"):
        (tmp_path / "a" / "b" / "file").write_text("")
    assert (tmp_path / "a" / "b" / "file").exists()


def test_it_is_free_again_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        raise ZeroDivisionError
    with locked(tmp_path):
        pass


def test_files_of_dead_processes_are_deleted_and_those_of_living_ones_kept(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "plans").mkdir()
    dead = tmp_path / "plans" / f".a.yaml.{ended.pid}.x1_y.tmp"
    alive = tmp_path / f".a.yaml.{os.getpid()}.x1_y.tmp"
    other = tmp_path / "plans" / ".notes.tmp"
    for path in (dead, alive, other):
        path.write_text("")

    with locked(tmp_path):
        pass

    assert [path.exists() for path in (dead, alive, other)] == [False, True, True]


def test_a_file_that_is_being_written_has_the_name_of_one_to_clean(tmp_path, monkeypatch):
    class Stop(BaseException):
        pass

    def stop(*_):
        raise Stop

    monkeypatch.setattr("autosplit.files.os.fsync", stop)
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    with pytest.raises(Stop):
        write_text(tmp_path / "a.yaml", "text")
    monkeypatch.undo()
    (left,) = tmp_path.iterdir()
    left.rename(left.with_name(left.name.replace(str(os.getpid()), "999999999")))

    with locked(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [LOCK]


@pytest.mark.parametrize("place", ["file/run", "a" * 300, "a\0b", "/proc/self/run"])
def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, place):
    (tmp_path / "file").write_text("")

    must = "must be a place to write to, "
    with pytest.raises(FileError, match=must) as caught, locked(tmp_path / place):
        pass
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_folder_without_the_right_to_write_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("autosplit.runs.lock.os.access", lambda *_: False)

    with pytest.raises(FileError, match="write to, Permission denied"), locked(tmp_path):
        pass


@pytest.mark.parametrize("name", ["plans", "quantized", "stages"])
def test_a_part_that_is_a_link_is_refused(tmp_path, name):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).symlink_to(tmp_path)

    must = f"{name}: must be a folder, it is a link"
    with pytest.raises(FileError, match=must), locked(tmp_path / "run"):
        pass
