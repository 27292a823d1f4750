"""A plain file: read up to a bound, and nothing else is waited for."""

import os
from pathlib import Path

import pytest

from autosplit import plainfile
from autosplit.errors import FileError
from autosplit.plainfile import listed_files, open_plain, read_text


def test_a_line_ends_in_one_newline(tmp_path):
    (tmp_path / "a").write_bytes(b"1\r\n2\n3\r4")

    assert read_text(tmp_path / "a") == "1\n2\n3\r4"


def test_bytes_are_given_as_they_are(tmp_path):
    (tmp_path / "a").write_bytes(b"1\r\n\xff")

    with open_plain(tmp_path / "a") as file:
        assert file.read() == b"1\r\n\xff"


@pytest.mark.parametrize("size", [7, 8, 9])
def test_the_bound_belongs_to_what_is_read(tmp_path, monkeypatch, size):
    monkeypatch.setattr(plainfile, "MOST_BYTES", 8)
    (tmp_path / "a").write_text("x" * size)

    if size <= 8:
        assert len(read_text(tmp_path / "a")) == size
    else:
        with pytest.raises(FileError, match="must have at most 8 bytes, has more"):
            read_text(tmp_path / "a")


@pytest.mark.parametrize("kind", ["folder", "pipe", "socket", "device"])
def test_what_is_no_plain_file_is_named(tmp_path, kind):
    path = {"folder": tmp_path, "device": Path("/dev/null")}.get(kind, tmp_path / kind)
    if kind == "pipe":
        os.mkfifo(path)
    if kind == "socket":
        os.mknod(path, 0o140600)

    with pytest.raises(FileError, match=f"must be a (plain file, it is a {kind}|readable file)"):
        read_text(path)


@pytest.mark.parametrize("name", ["none", "a\0b", "x" * 300])
def test_what_is_not_there_is_one_line(tmp_path, name):
    with pytest.raises(FileError, match="must be a readable file") as error:
        read_text(tmp_path / name)
    assert "\n" not in str(error.value)


def test_what_is_no_text_is_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"\xff\xfe")

    with pytest.raises(FileError, match="must be UTF-8 text"):
        read_text(tmp_path / "a")


def test_a_list_may_have_comments_but_names_with_a_hash_come_first(tmp_path):
    for name in ("a.jpg", "b #2.jpg", "#3.jpg"):
        (tmp_path / name).touch()
    text = "# photos\na.jpg # good\n\nb #2.jpg\n#3.jpg\nc#4.jpg\n\t# end\n"
    (tmp_path / "list.txt").write_text(text)

    found = listed_files(tmp_path / "list.txt", tmp_path.joinpath)

    assert [path.name for path in found] == ["a.jpg", "b #2.jpg", "#3.jpg", "c#4.jpg"]


def test_a_list_may_be_written_on_windows(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.jpg").touch()
    (tmp_path / "list.txt").write_bytes(b"p\\a.jpg\r\np\\none.jpg\r\n")

    found = listed_files(tmp_path / "list.txt", tmp_path.joinpath)

    assert found == [tmp_path / "p" / "a.jpg", tmp_path / "p\\none.jpg"]


def test_a_name_that_no_file_can_have_is_refused_with_its_line(tmp_path):
    (tmp_path / "list.txt").write_text("a.jpg\n" + "x" * 5000 + "\n")

    with pytest.raises(FileError, match=r"list\.txt:2: must be the name of a file"):
        listed_files(tmp_path / "list.txt", tmp_path.joinpath)
