"""The rule of the pick, and the plans beside it."""

import pytest
from candidates import GRAPH, JPEG, one

from autosplit.report.choice import contenders, fastest_allowed, no_pick


class TestFastestAllowed:
    def test_the_fastest_plan_that_keeps_the_accuracy_wins(self):
        plans = [one("slow", 3.0), one("fast", 1.0, 5.1), one("good", 2.0, 5.0)]

        assert fastest_allowed(plans, 5.0).plan.name == "good"
        assert fastest_allowed(plans, 5.1).plan.name == "fast"
        assert fastest_allowed(plans, 0.0).plan.name == "slow"

    def test_a_plan_that_does_not_fit_or_was_not_measured_is_left_out(self):
        plans = [one("large", 1.0, fits=False), one("unknown", 2.0, drop=None), one("ok", 3.0)]

        assert fastest_allowed(plans, 1.0).plan.name == "ok"

    def test_nothing_is_picked_where_nothing_is_allowed(self):
        assert fastest_allowed([], 1.0) is None
        assert fastest_allowed([one(drop=1.1)], 1.0) is None

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (one("z", drop=0.1, memory=9), one("a", drop=0.2, memory=1)),
            (one("z", drop=-0.1), one("a", drop=0.0)),
            (one("z", memory=1), one("a", memory=9)),
            (one("z"), one("a", method="uniform8")),
            (one("a"), one("z")),
        ],
        ids=["less drop", "a gain", "less memory", "our method", "name"],
    )
    def test_ties_go_to_less_drop_then_less_memory_then_ours_then_the_name(self, first, second):
        assert fastest_allowed([first, second], 1.0) is first
        assert fastest_allowed([second, first], 1.0) is first


def named(found):
    return {
        contender.titles: (contender.candidate.plan.name, contender.verdict) for contender in found
    }


class TestContenders:
    def test_the_best_plan_of_each_way_not_to_split_stands_beside_the_pick(self):
        plans = [
            one("cut", 0.001),
            one("uniform8", 0.006, layers=3),
            one("uniform4", 0.005, layers=3),
            one("cloud16", 0.010, layers=0),
            one("cloud-jpeg", 0.004, layers=0, coding=JPEG),
        ]

        assert named(contenders(GRAPH, plans, 1.0)) == {
            ("pick",): ("cut", "yes"),
            ("all-edge",): ("uniform4", "yes"),
            ("all-cloud",): ("cloud16", "yes"),
            ("JPEG",): ("cloud-jpeg", "yes"),
        }

    @pytest.mark.parametrize(
        ("about", "way"),
        [
            ({"layers": 3}, "all-edge"),
            ({"layers": 0}, "all-cloud"),
            ({"layers": 0, "coding": JPEG}, "JPEG"),
        ],
    )
    def test_a_pick_that_does_not_split_stands_for_its_way(self, about, way):
        plans = [one("p", 0.001, **about), one("q", 0.002, **about), one("cut", 0.003)]

        assert named(contenders(GRAPH, plans, 1.0)) == {("pick", way): ("p", "yes")}

    def test_a_way_whose_plans_all_lose_too_much_shows_the_one_that_loses_least(self):
        plans = [one(), one("u2", 0.001, drop=9.0, layers=3), one("u4", drop=3.0, layers=3)]

        assert named(contenders(GRAPH, plans, 1.0))["all-edge",] == ("u4", "loses too much")

    def test_a_way_whose_plans_are_all_too_large_shows_the_smallest(self):
        large = [one(f"u{m}", layers=3, memory=m, fits=False) for m in (8_000, 2_000)]

        assert named(contenders(GRAPH, [one(), *large], 1.0))["all-edge",] == ("u2000", "too large")

    def test_a_plan_that_fits_goes_before_one_that_was_measured(self):
        plans = [one(), one("a", layers=3, fits=False), one("b", layers=3, drop=None)]

        assert named(contenders(GRAPH, plans, 1.0))["all-edge",] == ("b", "not measured")

    def test_a_plan_measured_to_the_end_goes_before_one_that_was_stopped(self):
        plans = [one(), one("a", drop=5.0, layers=3, stopped=True), one("b", drop=9.0, layers=3)]

        assert named(contenders(GRAPH, plans, 1.0))["all-edge",] == ("b", "loses too much")

    def test_a_partial_plan_is_never_taken_for_all_edge(self):
        plans = [one("mine", 0.004, layers=1), one("more", 0.005, layers=2)]

        assert named(contenders(GRAPH, plans, 1.0)) == {("pick",): ("mine", "yes")}

    def test_without_a_pick_there_is_nothing_to_compare(self):
        assert contenders(GRAPH, [one(drop=2.0)], 1.0) == ()


class TestNoPick:
    def test_the_least_drop_is_named(self):
        error = no_pick([one("a", drop=3.0), one("b", drop=2.0)], 1.0)

        assert str(error) == (
            "max-drop: no measured plan loses at most 1 point, the best one loses 2.00 (b); "
            "allow more with --max-drop, or --memory"
        )

    def test_plans_that_were_measured_but_do_not_fit_point_to_the_memory(self):
        assert "memory: no plan that was measured fits" in str(no_pick([one(fits=False)], 1.0))

    def test_plans_that_were_not_measured_to_the_end_are_told_apart(self):
        for about in ({"stopped": True, "drop": 9.0}, {"drop": None}):
            assert "no plan that fits was measured to the end" in str(no_pick([one(**about)], 1.0))
