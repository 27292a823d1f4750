"""Places of plans: what is far below, what is far slower, the best of them."""

import pytest
from candidates import FLOAT_SCORE, one, points_over

from autosplit.report.points import Points, far_points_of


class TestPoints:
    def test_a_plan_that_loses_nearly_everything_stands_below_all_others(self):
        points = points_over()
        far = [one.plan.name for one in points.over("3mbps") if points.far(one)]

        assert far == ["uniform2"]
        # the lowest of the others is at 90.7 %, all within 3 points
        assert points.floor == pytest.approx(90.7 - 0.15 * 3.0)

    def test_without_scores_the_height_is_distortion_and_nothing_is_far(self):
        points = points_over(score=None)

        assert {points.value(one) for one in points.candidates} == {0.5}
        assert not any(map(points.far, points.candidates))

    def test_plans_that_were_not_measured_are_left_out(self):
        points = Points([one("a"), one("b", drop=None)], "t", FLOAT_SCORE)

        assert [one.plan.name for one in points.over("3mbps")] == ["a"]

    def test_the_front_has_what_is_better_than_every_faster_plan(self):
        points = points_over()

        front = points.front(points.over("3mbps"))
        assert [one.plan.name for one in front] == [
            "uniform2",
            "cut1",
            "cut2",
            "uniform8",
            "cloud16",
        ]


class TestSlowPlans:
    def clipped(self, *milliseconds, picked=1.0):
        every = [one(f"p{place}", ms / 1e3) for place, ms in enumerate(milliseconds)]
        points = Points(every, "toy", FLOAT_SCORE, picked_s={"3mbps": picked / 1e3})
        return points, [points.place(plan)[0] for plan in every]

    def test_plans_that_would_press_the_others_stand_at_the_right_border(self):
        # near: 0.9 to 1.2, so that the border is 15 % of 0.3 beyond 1.2
        points, places = self.clipped(0.9, 1.0, 1.2, 60.0, 90.0)
        assert places == pytest.approx([0.9, 1.0, 1.2, 1.245, 1.245])
        assert [points.slow(plan) for plan in points.candidates] == [False] * 3 + [True] * 2

    def test_plans_that_press_nothing_stay_where_they_are(self):
        # the near ones take log 2.5 of log 5 of the width: more than three tenths
        every = (1.0, 2.5, 5.0)
        points, places = self.clipped(*every)
        assert places == pytest.approx(every)
        assert not any(points.slow(plan) for plan in points.candidates)

    def test_up_to_three_times_the_pick_is_near(self):
        _, places = self.clipped(1.0, 3.0, 3.1, 1000.0)
        assert places[:2] == pytest.approx([1.0, 3.0])
        assert places[2] == pytest.approx(3.1)
        assert places[3] == pytest.approx(3.3)

    def test_a_single_near_plan_leaves_room_for_the_border(self):
        _, places = self.clipped(1.0, 60.0)
        assert places == pytest.approx([1.0, 1.02])

    def test_without_a_pick_nothing_is_slow(self):
        every = [one("a", 0.001), one("b", 1.0)]
        points = Points(every, "toy", FLOAT_SCORE)
        assert points.place(every[1])[0] == pytest.approx(1000.0)

    def test_plans_of_one_time_have_no_border(self):
        assert self.clipped(1.0, 1.0)[1] == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize(("drop", "points"), [(0.1, 2.0), (1.0, 5.0), (3.0, 15.0), (9.0, 20.0)])
def test_five_times_the_drop_is_drawn_and_never_less_than_two_points(drop, points):
    assert far_points_of(drop) == pytest.approx(points)
