"""Options of checks."""

from autosplit.runs.declared.check import CheckOptions
from autosplit.runs.option import options_of


def test_nothing_is_stored_unless_asked():
    assert not CheckOptions().update
    assert {one.flag for one in options_of(CheckOptions)} == {
        "--run",
        "--junit",
        "--baseline",
        "--update",
    }
