"""Records that are kept in files, and found again only where they belong."""

import pytest
from numbered import SOURCE

from autosplit.evaluate.classes import ClassRecord
from autosplit.evaluate.ledger import Ledger


class TestLedger:
    RECORD = ClassRecord(total=3, classes=[4, 5], hits=[1, 0], hits5=[1, 1])

    def test_a_record_is_found_again(self, tmp_path):
        ledger = Ledger(tmp_path, SOURCE)
        assert ledger.find("11") == ClassRecord()

        ledger.keep("11", self.RECORD)
        assert ledger.find("11") == self.RECORD
        ledger.forget("11")
        assert ledger.find("11") == ClassRecord()

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

        assert Ledger(tmp_path, source).find(half) == ClassRecord()
