import pytest

from autosplit.compress.variant import VariantRecord, check_folder, ranges
from autosplit.errors import FileError


def test_numbers_are_written_as_ranges():
    assert ranges([]) == ""
    assert ranges(range(3)) == "0-2"
    assert ranges([1, 3, 4, 9]) == "1,3-4,9"


def test_a_record_has_its_parent():
    record = VariantRecord("net", "abc", "prune", 5, 10, 50, 100, 0.5, 0.75, 8, {}, {"a": (0, 1)})

    data = record.data()

    assert data["parent"] == {
        "name": "net",
        "sha256": "abc",
        "macs": 10,
        "weights": 100,
        "accuracy": 0.75,
    }
    assert data["kept_channels"] == {"a": "0-1"}


def test_a_folder_of_other_files_is_refused(tmp_path):
    (tmp_path / "note.txt").write_text("mine")

    with pytest.raises(FileError, match="must be empty or hold a variant"):
        check_folder(tmp_path)
    with pytest.raises(FileError, match="it is a file"):
        check_folder(tmp_path / "note.txt")
    check_folder(tmp_path / "new")


def test_a_guess_of_the_preparation_stays_a_guess():
    record = VariantRecord("net", "abc", "prune", 5, 10, 50, 100, assumed=True)

    assert record.data()["assumed"] is True
