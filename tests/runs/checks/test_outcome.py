"""What came of checks: the table, JUnit XML, the baseline."""

from xml.etree import ElementTree as ET

import pytest

from autosplit.errors import FileError
from autosplit.runs.checks.checkfile import Check
from autosplit.runs.checks.judge import Judged
from autosplit.runs.checks.outcome import (
    junit_xml,
    outcome_table,
    read_baseline,
    write_baseline,
    write_junit,
)

KEPT = Judged(Check("drop", at_most=2), "lte", "p", 1.5)
BROKEN = Judged(Check("cut_bytes", at_least=10, at_most=100), "<lte>", "p", 120.0)
MISSING = Judged(Check("kl", at_most=1), "lte", "", None)


def test_the_table_says_what_moved():
    text = outcome_table([KEPT, BROKEN, MISSING], {"lte pick drop": 1.2})

    assert [line.split() for line in text.splitlines()] == [
        "check plan value limit holds baseline moved".split(),
        "drop over lte p 1.5 at most 2 yes 1.2 +0.3 (+25.0 %)".split(),
        "cut_bytes over <lte> p 120 at least 10, at most 100 NO - -".split(),
        "kl over lte no pick - at most 1 NO - -".split(),
    ]
    assert "moved" not in outcome_table([KEPT])


def test_junit_has_a_case_for_each_check_and_a_failure_for_each_that_fails():
    suite = ET.fromstring(junit_xml([KEPT, BROKEN, MISSING], "ci"))[0]

    assert (suite.tag, suite.get("tests"), suite.get("failures")) == ("testsuite", "3", "2")
    assert [case.get("name") for case in suite] == [
        "drop over lte: at most 2",
        "cut_bytes over <lte>: at least 10, at most 100",
        "kl over lte: at most 1",
    ]
    failures = [case.find("failure") for case in suite]
    assert failures[0] is None
    assert failures[1].get("message") == "p: 120, must be at least 10, at most 100"


def test_a_baseline_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "b.json"
    write_baseline(path, [KEPT, MISSING])
    assert read_baseline(path) == {"lte pick drop": 1.5}

    write_junit(tmp_path / "j.xml", [KEPT], "ci")
    assert (tmp_path / "j.xml").read_bytes() == junit_xml([KEPT], "ci")


def test_another_file_is_no_baseline(tmp_path):
    path = tmp_path / "b.json"
    path.write_text('{"schema": "autosplit/check-baseline/1", "values": {"a": "fast"}}')

    with pytest.raises(FileError, match="values: must be numbers by name"):
        read_baseline(path)
