"""Checks are judged by the rows of ``summary.csv``."""

import pytest

from autosplit.errors import DataError
from autosplit.runs.checks.checkfile import Check
from autosplit.runs.checks.judge import judge_checks

ROWS = [
    {"name": "p", "link": "lte", "latency_s": "0.002", "drop": "1.5"},
    {"name": "q", "link": "lte", "latency_s": "0.004", "drop": ""},
    {"name": "p", "link": "slow", "latency_s": "0.5", "drop": "1.5"},
]
PICKS = {"lte": "p"}


def judge(*checks):
    return judge_checks(checks, ROWS, PICKS)


@pytest.mark.parametrize(("most", "holds"), [(1.5, True), (1.4, False)])
def test_a_value_at_its_limit_holds_and_beyond_it_does_not(most, holds):
    (one,) = judge(Check("drop", at_most=most, link="lte"))

    assert (one.found, one.plan, one.holds) == (1.5, "p", holds)


def test_both_limits_hold():
    assert not judge(Check("drop", at_least=1.6, at_most=9, link="lte"))[0].holds
    assert judge(Check("drop", at_least=1.5, at_most=9, link="lte"))[0].holds


def test_seconds_are_also_milliseconds():
    (one,) = judge(Check("latency_ms", at_most=3, link="lte"))

    assert one.found == pytest.approx(2.0)


def test_every_link_is_checked_and_one_without_a_pick_fails():
    found = judge(Check("drop", at_most=99))

    assert [(one.link, one.holds) for one in found] == [("lte", True), ("slow", False)]


def test_what_was_not_measured_keeps_no_limit():
    (one,) = judge(Check("drop", at_most=99, link="lte", plan="q"))

    assert (one.found, one.holds) == (None, False)
    assert one.title == "drop of q over lte"


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (Check("drop", at_most=1, link="let"), "link 'let': must be a link of the run"),
        (Check("drop", at_most=1, plan="r"), "plan 'r': must be a plan of the run"),
        (Check("ap", at_most=1, link="lte"), "value 'ap': the task of the run has no such column"),
    ],
)
def test_what_the_run_does_not_have_is_refused(check, text):
    with pytest.raises(DataError, match=text):
        judge(check)
