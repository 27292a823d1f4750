"""Entries that cannot be used are listed, or refused."""

import pytest

from autosplit.data.dirty import MOST_TOLD, USUAL_RULES, Dirt, LabelRules
from autosplit.errors import AutoSplitWarning, DataError


def dirty(count, **options):
    found = Dirt("a.txt", **options)
    for number in range(count):
        with found.collecting():
            raise DataError(f"a.txt:{number}: wrong")
    return found


def test_every_entry_is_told_with_its_line():
    with pytest.warns(
        AutoSplitWarning, match=r"2 entries .*a\.txt:0: wrong; a\.txt:1: wrong; they"
    ):
        dirty(2).tell()


@pytest.mark.parametrize(
    ("doubles", "text"),
    [(1, "1 box is there twice and counts once"), (2, "2 boxes are there twice and count once")],
)
def test_boxes_that_are_there_twice_are_counted(doubles, text):
    with pytest.warns(AutoSplitWarning, match=rf"^a\.txt: {text}$"):
        Dirt("a.txt", doubles=doubles).tell()


def test_one_entry_is_told_of_in_the_singular():
    with pytest.warns(
        AutoSplitWarning, match=r"^a\.txt: 1 entry cannot be used: a\.txt:0: wrong; it is left out$"
    ):
        dirty(1).tell()


def test_of_many_only_the_number_is_told():
    with pytest.warns(AutoSplitWarning, match="wrong; and 3 more; they are left out"):
        dirty(MOST_TOLD + 3).tell()


def test_strictly_they_are_refused():
    assert not USUAL_RULES.strict
    assert LabelRules(strict=True).strict
    with pytest.raises(DataError, match=r"a\.txt: 1 entry cannot be used"):
        dirty(1, strict=True).tell()


def test_strictly_twenty_of_many_are_told():
    with pytest.raises(DataError, match=r"a\.txt:19: wrong; and 1 more$"):
        dirty(21, strict=True).tell()


def test_clean_data_are_told_nothing_of(recwarn):
    dirty(0, strict=True).tell()

    assert not recwarn.list
