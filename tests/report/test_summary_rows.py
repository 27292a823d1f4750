"""Rows of ``summary.csv``: the float network first, one unit for accuracies, few digits."""

from dataclasses import replace

import pytest
from candidates import FLOAT_SCORE, GRAPH, one

from autosplit.hardware.device import load_device
from autosplit.report.summary_rows import SUMMARY_HEADER, few_digits, same_columns, summary_rows
from autosplit.report.tables import PLANS_HEADER, plan_row

EDGE = replace(load_device("amd_epyc_core"), name="pi")
CLOUD = replace(load_device("nvidia_t4"), name="gpu")
MEASURED = one("a", 0.0123456, drop=2.0, interval=(0.9, 0.934), drop_interval=(1.25, 2.751))
UNKNOWN = one("b", drop=None, fits=False)


def rows(limit=500, picks=None):
    every = [MEASURED, UNKNOWN]
    table = [
        plan_row(GRAPH, each.plan, each.link, pareto=False)
        | {"latency_s": each.latency_s, "images": 200, "top1": 0.917}
        for each in every
    ]
    asked = {"max_energy_j": None, "max_latency_s": 0.05}
    same = same_columns(EDGE, CLOUD, limit, asked) | {"allowed_drop_points": 1.0}
    return summary_rows(every, table, FLOAT_SCORE, same, picks or {"3mbps": "a"})


def test_the_float_network_stands_first_and_loses_nothing():
    first = rows()[0]
    assert first["name"] == "float"
    assert (first["metric"], first["accuracy_percent"], first["samples"]) == (
        "top-1",
        "93.70",
        1000,
    )
    assert first["points_lost"] == "0.00"
    assert first["latency_s"] == first["link"] == first["fits"] == ""


def test_the_float_network_has_its_interval_where_one_is_known():
    score = replace(FLOAT_SCORE, interval=(0.9203, 0.9511))
    (first,) = summary_rows([], [], score, {}, {})
    assert (first["accuracy_low_percent"], first["accuracy_high_percent"]) == ("92.03", "95.11")
    assert rows()[0]["accuracy_low_percent"] == ""


def test_accuracies_are_per_cent_and_losses_points():
    found = rows()[1]
    assert found["accuracy_percent"] == "91.70"
    assert (found["accuracy_low_percent"], found["accuracy_high_percent"]) == ("90.00", "93.40")
    assert (found["points_lost"], found["points_lost_low"], found["points_lost_high"]) == (
        "2.00",
        "1.25",
        "2.75",
    )
    assert "top1" not in found


def test_a_plan_that_was_not_measured_has_no_accuracy():
    found = rows()[2]
    assert found["accuracy_percent"] == found["points_lost"] == found["samples"] == ""


def test_hardware_limits_fits_and_pick_are_told():
    first, second = rows()[1:]
    assert (first["edge"], first["cloud"], first["memory_limit_bytes"]) == ("pi", "gpu", 500)
    assert (first["fits"], second["fits"]) == (1, 0)
    assert (first["pick"], second["pick"]) == (1, 0)
    assert rows(limit=None)[1]["memory_limit_bytes"] == ""
    assert (first["edge_seconds"], first["cloud_seconds"]) == ("fitted", "peak")
    assert (first["energy_limit_j"], first["latency_limit_s"]) == ("", 0.05)
    assert first["allowed_drop_points"] == 1.0


def test_every_row_has_the_columns_and_no_other():
    assert all(set(row) == set(SUMMARY_HEADER) for row in rows())
    assert set(PLANS_HEADER) < set(SUMMARY_HEADER)
    assert len(SUMMARY_HEADER) == len(set(SUMMARY_HEADER))


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("latency_s", 0.0123456, "0.01235"),
        ("distortion", 0.0, "0"),
        ("energy_j", None, None),
        ("cut_bytes", 1234567, 1234567),
        ("edge_s", 12345.6, "1.235e+04"),
    ],
)
def test_numbers_have_four_digits_that_count_and_counts_have_all(name, value, shown):
    assert few_digits(name, value) == shown
