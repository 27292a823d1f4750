"""Plans that are shown to keep the limit of the drop, and what is said where none is."""

from dataclasses import replace

import numpy as np
import pytest
from candidates import FLOAT_SCORE, GRAPH, one

from autosplit.report.candidate import FloatScore
from autosplit.report.choice import contenders, no_pick
from autosplit.report.confidence import judge_drops, not_shown, possible_drop
from autosplit.report.pick import pick_from


def measured(name, lost, won, seen, latency=0.006, **about):
    """A plan with its counts; plans of other memory are other plans."""
    drop = 100 * (lost - won) / seen
    made = one(name, latency, drop, drop_interval=(drop - 1, drop + 1), **about)
    plan = replace(
        made.plan, activation_bits={"x": 8, "a": 2 + len(name), "b": sum(map(ord, name)) % 97}
    )
    return replace(made, plan=plan, pairs=(lost, won, seen))


def kept(candidates, confidence=0.95):
    tested = judge_drops(candidates, 1.0, confidence)
    return {each.plan.name for each in tested if each.keeps(1.0)}


class TestJudgeDrops:
    def test_without_a_confidence_nothing_is_tested(self):
        plans = [measured("a", 0, 0, 20)]
        assert judge_drops(plans, 1.0, None) == plans
        assert kept(plans, None) == {"a"}

    def test_few_images_show_nothing(self):
        assert kept([measured("a", 0, 0, 20)]) == set()
        assert kept([measured("a", 0, 0, 320)]) == {"a"}

    def test_several_plans_are_accounted_for(self):
        alone, several = measured("a", 0, 0, 320), [measured("b" * n, 4, 1, 320) for n in (1, 2)]
        assert kept([alone]) == {"a"}
        assert kept([alone, *several]) == set()

    def test_plans_that_were_not_measured_are_accounted_for(self):
        alone, unknown = measured("a", 0, 0, 320), replace(measured("b", 0, 0, 320), drop=None)
        assert kept([alone, replace(unknown, pairs=None)]) == set()

    def test_plans_that_do_not_fit_and_twins_are_not(self):
        alone = measured("a", 0, 0, 320)
        twin = replace(alone, plan=replace(alone.plan, name="twin"))
        assert kept([alone, twin, measured("b", 0, 0, 320, fits=False)]) == {"a", "twin"}

    def test_each_plan_is_tested_as_holm_does(self):
        plans = [measured(n, lost, 0, 700) for n, lost in (("a", 0), ("bb", 1), ("ccc", 4))]
        tests = [each.test for each in judge_drops(plans, 1.0, 0.95)]
        assert [test.plans for test in tests] == [3, 3, 3]
        assert [test.error for test in tests] == pytest.approx([0.05 / 3, 0.05 / 2, 0.05])
        assert [test.kept for test in tests] == [True, True, False]

    def test_any_of_three_bad_plans_is_accepted_in_at_most_five_draws_of_hundred(self):
        rng = np.random.default_rng(1)
        wrong = alone = 0
        for _ in range(200):
            draws = rng.multinomial(200, [0.06, 0.04, 0.9], size=3)
            plans = [measured("p" * n, int(a), int(b), 200) for n, (a, b, _) in enumerate(draws, 1)]
            wrong += bool(kept(plans))
            alone += bool(kept(plans, None))
        assert wrong <= 0.05 * 200 < 0.6 * 200 < alone

    def test_the_bound_of_an_accepted_plan_keeps_the_limit(self):
        (plan,) = judge_drops([measured("a", 0, 0, 320)], 1.0, 0.95)
        assert 0.9 < possible_drop(plan) <= 1.0
        assert possible_drop(one()) == 100.0


class TestSaid:
    def test_the_pick_says_what_is_possible_and_for_how_many_plans(self):
        plans = [measured("a", 0, 0, 900), measured("b", 0, 0, 900, latency=0.009)]
        pick = pick_from(GRAPH, plans, 1.0, None, FLOAT_SCORE, 0.95)
        assert pick.plan.name == "a"
        assert "points with 95 % confidence, 2 plans accounted for." in pick.reason
        assert "it loses at most 0.4" in pick.reason

    def test_a_faster_plan_that_is_not_shown_is_passed_over(self):
        plans = [measured("fast", 12, 5, 900, latency=0.001), measured("b", 0, 0, 900)]
        assert pick_from(GRAPH, plans, 1.0, None, FLOAT_SCORE).plan.name == "fast"
        assert pick_from(GRAPH, plans, 1.0, None, FLOAT_SCORE, 0.95).plan.name == "b"

    def test_the_table_says_which_plans_are_not_shown(self):
        plans = [measured("b", 0, 0, 900), measured("cloud", 12, 5, 900, layers=0)]
        found = contenders(GRAPH, judge_drops(plans, 1.0, 0.95), 1.0)
        assert [each.verdict for each in found] == ["yes", "not shown"]

    def test_without_a_confidence_too_few_images_are_named(self):
        score = FloatScore("top-1", 0.9, 20)
        pick = pick_from(GRAPH, [measured("a", 0, 0, 20)], 0.5, None, score)
        assert pick.reason.endswith("so with 20 samples a drop of up to 1.00 points is possible.")

    def test_no_pick_says_how_many_images_are_needed(self):
        plans = judge_drops([measured("a", 0, 0, 20)], 1.0, 0.95)
        text = str(no_pick(plans, 1.0))
        assert text.startswith("confidence: with 20 samples a drop of up to 14.")
        assert "about 310 samples would show it of the plan that loses least (a)" in text

    def test_a_plan_at_the_limit_is_never_shown(self):
        plans = judge_drops([measured("a", 1, 0, 100)], 1.0, 0.95)
        assert "no number of samples would show it" in str(no_pick(plans, 1.0))

    def test_a_task_without_counts_says_so_in_one_line(self):
        text = str(no_pick(judge_drops([one()], 1.0, 0.95), 1.0))
        assert text.startswith("confidence: the drop must be counted in samples")
        assert "\n" not in text

    def test_a_plan_that_loses_too_much_is_not_called_unsure(self):
        plans = judge_drops([measured("a", 30, 0, 100)], 1.0, 0.95)
        assert not_shown(plans, 1.0) is None
        assert str(no_pick(plans, 1.0)).startswith("max-drop: ")
