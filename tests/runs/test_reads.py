"""What a person's code read is known, and only that."""

import os
from pathlib import Path

import pytest
import safetensors.torch
import torch

from autosplit.data.python_file import call_function
from autosplit.errors import DataError
from autosplit.runs import reads
from autosplit.runs.reads import READ, changed_reads, hash_of_code, hash_reads, is_code, recording

CODE = """\
import os
from pathlib import Path
import torch
from safetensors.torch import load_file
import helper


def read():
    torch.load("net.pt")
    load_file("net.safetensors")
    Path("made.txt").write_text("new")
    Path("made.txt").read_text()
    try:
        open("missing.txt")
    except OSError:
        pass
    return sorted(os.listdir("pictures")) + helper.words()
"""
HELPER = """\
from pathlib import Path


def words():
    return Path("words.txt").read_text().split()
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in (("code.py", CODE), ("helper.py", HELPER), ("words.txt", "a b")):
        Path(name).write_text(text)
    torch.save({"w": torch.zeros(2)}, "net.pt")
    safetensors.torch.save_file({"w": torch.zeros(2)}, "net.safetensors")
    Path("pictures").mkdir()
    Path("pictures/1.png").write_text("")
    return tmp_path


def read(outside=()):
    with recording(outside) as found:
        answer = call_function("code.py:read", DataError, 0)
        return answer, found()


def test_every_file_and_folder_that_the_code_reads_is_noted(place):
    answer, found = read()

    assert answer == ["1.png", "a", "b"]
    names = {name.removeprefix(READ) for name in found}
    assert names == {
        *("helper.py", "net.pt", "net.safetensors", "words.txt", "pictures", "missing.txt")
    }
    assert found[READ + "missing.txt"] == ""
    assert not changed_reads(found)


@pytest.mark.parametrize("name", ["helper.py", "net.pt", "net.safetensors", "words.txt"])
def test_a_file_that_changed_or_is_gone_is_named(place, name):
    _, found = read()
    data = Path(name).read_bytes()
    Path(name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert changed_reads(found) == [name]

    Path(name).unlink()
    assert changed_reads(found) == [name]

    Path(name).write_bytes(data)
    assert changed_reads(found) == []


def test_a_picture_more_or_less_changes_the_listing(place):
    _, found = read()
    Path("pictures/2.png").write_text("")
    assert changed_reads(found) == ["pictures"]

    Path("pictures/2.png").unlink()
    assert changed_reads(found) == []


def test_a_file_that_was_missing_and_appears_is_named(place):
    _, found = read()
    Path("missing.txt").write_text("")

    assert changed_reads(found) == ["missing.txt"]


def test_a_run_folder_inside_of_what_is_listed_does_not_count(place):
    run = Path("pictures/results/run")
    _, found = read((run,))
    run.mkdir(parents=True)

    assert changed_reads(found, (run,)) == []
    assert changed_reads(found) == ["pictures"]


def test_files_outside_do_not_count(place):
    _, found = read((Path("net.pt"), Path("pictures")))

    assert not {READ + "net.pt", READ + "pictures"} & found.keys()
    assert READ + "words.txt" in found


def test_nothing_is_noted_outside_of_the_block_or_by_others(place):
    with recording() as found:
        Path("words.txt").read_text()  # a test is no person's code that autosplit called
        assert found() == {}
    call_function("code.py:read", DataError, 0)
    assert found() == {}
    assert reads._active == []


def test_paths_elsewhere_stand_in_full(place, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / "words.txt"
    other.write_text("c")
    Path("helper.py").write_text(HELPER.replace('"words.txt"', f'"{other}"'))

    answer, found = read()

    assert answer[-1] == "c"
    assert READ + str(other) in found


def test_safetensors_is_left_as_it_was(place):
    before = safetensors.safe_open
    read()

    assert safetensors.safe_open is before
    assert safetensors.torch.safe_open is before


def test_of_a_large_file_the_size_and_the_time_count(place, monkeypatch):
    monkeypatch.setattr(reads, "MOST_HASHED_BYTES", 1)
    found = hash_reads([READ + "words.txt"])
    assert hash_reads(found) == found

    about = Path("words.txt").stat()
    os.utime("words.txt", ns=(about.st_atime_ns, about.st_mtime_ns + 10**9))
    assert changed_reads(found) == ["words.txt"]


def test_the_hash_of_code_depends_on_what_code_read_and_gave():
    plain = {"model": "a", "state": "b"}

    assert hash_of_code(plain) == ""
    found = {hash_of_code({**plain, **more}) for more in ({"batches": "c"}, {"read x": "c"})}
    assert len(found | {hash_of_code({**plain, "read x": "d"})}) == 3
    assert hash_of_code({"read x": "c", "state": "1"}) != hash_of_code({"read x": "c"})


def test_a_function_of_a_file_is_code():
    assert all(map(is_code, ("a.py:f", "dir/a.py:", "a.py")))
    assert not any(map(is_code, ("a.pt2", "imagefolder:a.py.d", "demo")))
