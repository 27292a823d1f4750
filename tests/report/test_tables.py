"""Rows of ``plans.csv``."""

from dataclasses import replace

import pytest
from candidates import GRAPH, plan

from autosplit.hardware.prediction import Prediction
from autosplit.report.tables import PLANS_HEADER, plan_row, plan_rows
from autosplit.stats.coding import InputCoding


class TestPlanRow:
    def test_it_has_the_columns_of_the_table(self):
        assert list(plan_row(GRAPH, plan(), "3mbps", pareto=True)) == PLANS_HEADER

    def test_averages_are_over_elements(self):
        found = plan_row(GRAPH, plan(), "3mbps", pareto=True)

        assert found["weight_bits_avg"] == (30 * 2 + 10 * 8) / 40
        assert found["activation_bits_avg"] == (10 * 3 + 20 * 6) / 30

    def test_every_crossing_tensor_is_listed_with_its_width(self):
        """c reads a and b, so both cross: 30 and 120 bits."""
        found = plan_row(GRAPH, plan(), "3mbps", pareto=False)

        assert (found["cut"], found["cut_bits"], found["cut_bytes"]) == ("a+b", "3+6", 19)
        assert (found["edge_layers"], found["pareto"]) == (2, 0)
        assert (found["edge_s"], found["transfer_s"], found["cloud_s"]) == (0.001, 0.002, 0.003)
        assert found["latency_s"] == pytest.approx(0.006)
        assert found["optimality_gap"] == pytest.approx(0.2)

    def test_all_cloud_has_no_averages(self):
        found = plan_row(GRAPH, plan(layers=0), "3mbps", pareto=False)

        assert (found["weight_bits_avg"], found["activation_bits_avg"]) == (None, None)
        assert (found["cut"], found["cut_bits"]) == ("x", "8")


def timed(name, seconds, distortion, memory=500):
    times = {link: Prediction(0.0, s, 0.0) for link, s in seconds.items()}
    return replace(plan(name, memory=memory), predictions=times, distortion=distortion)


class TestPlanRows:
    PLANS = (
        timed("a", {"slow": 3.0, "fast": 1.0}, 0.2),
        timed("b", {"slow": 2.0, "fast": 2.0}, 0.3),
        timed("large", {"slow": 1.0, "fast": 0.5}, 0.1, memory=900),
    )

    def test_rows_are_by_link_and_then_by_rising_latency(self):
        rows = plan_rows(GRAPH, self.PLANS, ("slow", "fast"), None)

        assert [(row["link"], row["name"]) for row in rows] == [
            *(("slow", name) for name in ("large", "b", "a")),
            *(("fast", name) for name in ("large", "a", "b")),
        ]

    def test_pareto_marks_plans_that_no_fitting_plan_beats(self):
        rows = plan_rows(GRAPH, self.PLANS, ("slow", "fast"), 500)

        marked = [(row["link"], row["name"]) for row in rows if row["pareto"]]
        assert marked == [("slow", "b"), ("slow", "a"), ("fast", "a")]

    def test_nothing_is_marked_where_nothing_fits(self):
        assert not any(r["pareto"] for r in plan_rows(GRAPH, self.PLANS, ("slow",), 1))

    def test_a_jpeg_file_takes_no_mark_from_a_plan_of_tensors(self):
        jpeg = replace(timed("jpeg", {"slow": 1.0}, 0.1), input_coding=InputCoding(50, 9.0, 0.1))
        rows = plan_rows(GRAPH, (*self.PLANS, jpeg), ("slow",), 500)

        marks = [(row["name"], row["pareto"]) for row in rows]
        assert marks == [("jpeg", 1), ("large", 0), ("b", 1), ("a", 1)]
