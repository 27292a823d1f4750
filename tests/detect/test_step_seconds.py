"""Seconds of the steps, their means and their table."""

import pytest

from autosplit.detect.step_seconds import TIMES_HEADER, StepSeconds, mean_seconds, times_table

SPLIT = StepSeconds(0.001, 0.002, 0.003, 0.004, 0.005, 100)


def test_the_total_is_the_sum_of_the_steps():
    assert SPLIT.total_s == pytest.approx(0.015)
    assert StepSeconds(0.001, 0.002, 0.003).total_s == pytest.approx(0.006)
    assert tuple(SPLIT.row()) == tuple(TIMES_HEADER[3:])


def test_means_are_those_of_the_pictures():
    other = StepSeconds(0.003, 0.004, 0.005, 0.006, 0.007, 201)

    mean = mean_seconds([SPLIT, other])
    assert mean.edge_s == pytest.approx(0.005)
    assert mean.wire_bytes == 150  # 150.5 to the even number


def test_networks_stand_side_by_side():
    text = times_table({"float": [StepSeconds(0.001, 0.007, 0.002)], "half": [SPLIT]})

    lines = {line[:20].strip(): line[20:].split()[-2:] for line in text.splitlines()}
    assert lines["edge half"] == ["-", "4.00"]
    assert lines["total without link"] == ["10.00", "15.00"]
    assert lines["pictures per second"] == ["100.0", "66.7"]
    assert lines["wire, bytes"] == ["-", "100"]


def test_the_float_network_alone_has_no_rows_of_halves():
    text = times_table({"float": [StepSeconds(0.001, 0.007, 0.002)]})

    assert [line[:22].strip() for line in text.splitlines()[1:]] == [
        "read and prepare",
        "cloud half or whole",
        "boxes and suppression",
        "total without link",
        "pictures per second",
    ]
    assert " -" not in text
