"""Cells of the table of a pick."""

from dataclasses import replace

import pytest
from candidates import one

from autosplit.report.candidate import SentOn
from autosplit.report.cells import NO_VALUE, SENT_ON, in_ms, percent, sent_on_cells


def test_a_plan_that_is_no_escalation_has_empty_cells():
    assert sent_on_cells(one("a", 1.0, 0.0)) == [NO_VALUE] * len(SENT_ON)


def test_an_escalation_shows_its_share_and_the_95th_percentiles():
    sent_on = SentOn(0.625, 0.0123456, 12_345, ("x",), "4 bits")

    assert sent_on_cells(replace(one("a", 1.0, 0.0), sent_on=sent_on)) == [
        "62.50",
        "12.35",
        "12,345",
    ]


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (in_ms(0.0), "0.00"),
        (in_ms(1.23456), "1,234.56"),
        (percent(1.0), "100.00"),
        (percent(0.12345), "12.35"),
    ],
)
def test_numbers_have_two_digits(shown, expected):
    assert shown == expected
