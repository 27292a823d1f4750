"""The table of a link and the sentence below it."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from candidates import FLOAT_SCORE, GRAPH, JPEG, layer, one

from autosplit.report.candidate import FloatScore
from autosplit.report.pick import pick_from

WIDE = replace(GRAPH, layers=(*GRAPH.layers, layer("d", ("c",), (5,)), layer("e", ("d",), (5,))))
GOLDEN = Path(__file__).parent / "golden"
PLANS = (
    one(
        "cloud16",
        0.010,
        0.0,
        layers=0,
        method="cloud16",
        interval=(0.920, 0.951),
        drop_interval=(-0.28, 0.28),
    ),
    one("cut002-03", 0.004, 0.5, interval=(0.9146, 0.946), drop_interval=(-0.41, 1.41)),
    one("uniform8", 0.006, 0.1, layers=3, method="uniform8", memory=9_000, fits=False),
    one("cloud-jpeg", 0.003, 1.4, layers=0, coding=JPEG, interval=(0.905, 0.938)),
)


def picked(*plans, max_drop=1.0, limit=1_000, score=FLOAT_SCORE):
    return pick_from(GRAPH, plans or PLANS, max_drop, limit, score)


def cells(pick, label):
    """Cells of the line of a label."""
    (line,) = [line for line in pick.text(200).splitlines() if line.strip().startswith(label)]
    return line[20:].replace(" x", "x").split()


class TestText:
    @pytest.mark.parametrize("width", [80, 120])
    def test_it_is_as_in_the_golden_file(self, width):
        assert picked().text(width) + "\n" == (GOLDEN / f"pick-{width}.txt").read_text()

    @pytest.mark.parametrize("width", [60, 80, 120])
    def test_no_line_is_too_long(self, width):
        assert max(map(len, picked().text(width).splitlines())) <= width

    def test_parts_add_up_to_the_total_and_speed_ups_are_ratios_of_totals(self):
        pick = picked()
        parts = [[float(c) for c in cells(pick, f"{p}, ms")] for p in ("edge", "link", "cloud")]
        totals = [float(cell) for cell in cells(pick, "total, ms")]

        assert totals == pytest.approx([sum(column) for column in zip(*parts, strict=True)])
        shown = cells(pick, "speed-up")
        assert shown == ["-", "-", f"{totals[2] / totals[0]:.2f}x", "-"]

    def test_a_plan_that_breaks_a_limit_has_no_speed_up_and_its_reason(self):
        assert "too large" in str(picked())
        assert "loses too much" in str(picked())

    def test_the_float_accuracy_is_printed(self):
        first = str(picked()).splitlines()[0]

        assert first == "Over 3mbps; float network: top-1 93.70 % on 1,000 samples"

    def test_one_sample_is_no_plural(self):
        assert picked(score=FloatScore("AP", 0.5, 1)).title.endswith("AP 50.00 % on 1 sample")
        same = picked(score=FloatScore("AP", 0.5, 1, calibrated=True))
        assert same.title.endswith("on 1 sample, which also served for calibration")

    def test_a_plan_that_was_not_measured_has_no_accuracy(self):
        pick = picked(one(), one("u8", layers=3, drop=None))

        assert cells(pick, "top-1, %") == ["93.70", "-"]
        assert cells(pick, "points lost") == ["0.00", "-"]

    def test_html_has_the_cells_of_the_text(self):
        html = picked()._repr_html_()

        assert html.count("<tr>") == 17
        assert "91.46-94.60" in html
        assert "Of 4 measured plans" in html

    def test_the_kind_of_the_seconds_stands_below_the_reason(self):
        pick = replace(picked(), timed="Seconds: edge peak (a), cloud measured (b).")

        assert pick.text().splitlines()[-1] == pick.timed
        assert pick.timed in pick._repr_html_()


class TestReason:
    def test_it_names_the_limits_and_the_number_of_plans(self):
        assert picked().reason.startswith(
            "Of 4 measured plans, cut002-03 is the fastest that fits in 1,000 bytes and loses at "
            "most 1 point; "
        )

    def test_no_memory_limit_is_not_mentioned(self):
        assert "is the fastest that loses at most" in picked(limit=None).reason

    def test_without_any_limit_it_is_simply_the_fastest(self):
        reason = picked(max_drop=math.inf, limit=None).reason

        assert reason.startswith("Of 4 measured plans, cloud-jpeg is the fastest; ")

    def test_a_demanded_gain_is_called_one(self):
        pick = picked(one(drop=-2.0), max_drop=-0.5)

        assert "the fastest that fits in 1,000 bytes and gains at least 0.5 points" in pick.reason

    def test_an_interval_that_reaches_beyond_the_limit_says_so(self):
        sure = picked(one(drop=0.5, drop_interval=(-0.25, 0.99))).reason
        unsure = picked(one(drop=0.5, drop_interval=(-0.25, 1.25))).reason

        assert sure.endswith(
            "; on 1,000 samples its loss is between -0.25 and 0.99 points with 95 % confidence."
        )
        assert unsure.endswith(
            "1.25 points with 95 % confidence, so with 1,000 samples a drop of up to 1.25 points "
            "is possible."
        )

    def test_a_plan_that_gained_is_not_said_to_lose(self):
        gained = picked(one(drop=-2.0, drop_interval=(-3.5, -0.5)), max_drop=0.0).reason
        unsure = picked(one(drop=-2.0, drop_interval=(-3.5, -0.5)), max_drop=-1.0).reason

        assert gained.endswith("between -3.50 and -0.50 points with 95 % confidence.")
        assert unsure.endswith("so the plan may gain less than 1 point.")

    def test_without_an_interval_it_says_that_none_is_known(self):
        reason = picked(one(), score=FloatScore("AP", 0.9, 100)).reason

        assert reason.endswith(
            "its AP was measured on 100 samples, no confidence interval is known."
        )

    def test_faster_plans_that_were_stopped_are_counted(self):
        """A slower one that was stopped does not matter."""
        plans = [one(), one("f", 0.001, 9.0, stopped=True), one("s", 1.0, 9.0, stopped=True)]

        assert "(1 faster plan was stopped early, beyond a doubt of 5 %)" in picked(*plans).reason


class TestPick:
    def test_it_gives_the_plan_and_what_is_known_of_it(self):
        pick = picked()

        assert (pick.plan.name, pick.link, pick.latency_s) == ("cut002-03", "3mbps", 0.004)
        assert (pick.drop, pick.accuracy) == (0.5, pytest.approx(0.932))
        assert pick.prediction.transfer_s == 0.002

    def test_there_is_none_where_no_plan_keeps_the_limits(self):
        assert picked(replace(PLANS[1], drop=2.0)) is None


def test_layers_of_unknown_cost_are_named_with_their_share_of_the_latency():
    """Of 4 ms, 0.5 and 0.3 ms are those of two such layers: 20 %."""
    pick = replace(picked(), by_traffic={"a": 0.0005, "c": 0.0003})

    assert pick.reason.endswith(
        " 20.0 % of its latency is that of layers whose cost is unknown, so that they are priced "
        "by their memory traffic alone: a (conv), c (conv)."
    )
    many = replace(pick, graph=WIDE, by_traffic=dict.fromkeys("abcde", 0.0001))
    assert many.reason.endswith(" alone: a (conv), b (conv), c (conv) and 2 more.")
    assert "priced" not in picked().reason
