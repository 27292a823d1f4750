"""Records that are kept in files, and found again only where they belong."""

import json

import pytest
from numbered import SOURCE

from autosplit.errors import FileError
from autosplit.evaluate.ledger import Ledger, MemoryLedger, _sha256
from autosplit.evaluate.tasks.classification import ClassRecord


class TestLedger:
    RECORD = ClassRecord(total=3, classes=[4, 5], hits=[1, 0], hits5=[1, 1])

    def test_a_record_is_found_again(self, tmp_path):
        ledger = Ledger(tmp_path, SOURCE)
        assert ledger.find("11") is None

        ledger.keep("11", self.RECORD)
        assert ledger.find("11") == self.RECORD
        ledger.forget("11")
        assert ledger.find("11") is None

    @pytest.mark.parametrize(
        ("source", "half"),
        [
            (SOURCE | {"model": "a"}, "p" * 17),
            (SOURCE | {"data": "b"}, "p" * 17),
            (SOURCE, "p" * 16 + "q"),
        ],
        ids=["another network", "other images", "another half"],
    )
    def test_a_record_of_something_else_is_not_found(self, tmp_path, source, half):
        Ledger(tmp_path, SOURCE).keep("p" * 17, self.RECORD)

        assert Ledger(tmp_path, source).find(half) is None

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda data: data.update(task="fortune telling"),
            lambda data: data.update(record={"total": 3, "strange": 1}),
            lambda data: data.pop("record"),
        ],
        ids=["unknown task", "unknown field", "no record"],
    )
    def test_a_file_without_a_record_is_one_line_that_says_what_to_do(self, tmp_path, spoil):
        """A file of another version, say: a changed one has no longer its own SHA-256."""
        ledger = Ledger(tmp_path, SOURCE)
        ledger.keep("11", self.RECORD)
        path = tmp_path / "11.json"
        data = json.loads(path.read_text())
        spoil(data)
        path.write_text(json.dumps(data))
        assert ledger.find("11") is None

        path.write_text(json.dumps({**data, "sha256": _sha256(data)}))
        with pytest.raises(FileError, match=r"11\.json: must be a record of answers.*delete the"):
            ledger.find("11")


class TestMemoryLedger:
    def test_a_record_is_found_as_long_as_the_ledger_lives(self):
        ledger, record = MemoryLedger(), ClassRecord(total=1, classes=[4])
        assert ledger.find("11") is None

        ledger.keep("11", record)
        assert ledger.find("11") is record
        assert MemoryLedger().find("11") is None
