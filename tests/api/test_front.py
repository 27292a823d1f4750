"""Plans as a sequence, a table, a figure, and the pick among them."""

import math
from dataclasses import replace

import pytest

import autosplit
from autosplit.errors import DataError, InfeasibleError, OptionError, PlanError
from autosplit.runs.folder import plan_names, read_graph, read_plans


@pytest.fixture(scope="module")
def files(finished):
    """The plans that the stage ``search`` wrote."""
    folder = finished.place / "run"
    return read_plans(folder, read_graph(folder), plan_names(folder))


class TestSearch:
    def test_it_finds_what_the_stage_found(self, objects, files):
        assert {plan.name: plan for plan in objects.front} == {
            name: file.plan for name, file in files.items()
        }

    def test_options_are_those_of_the_stage(self, objects):
        front = autosplit.search(
            objects.problem, methods=["uniform8", "autosplit"], front=2, pins=["0:weight=8"]
        )

        assert {plan.method for plan in front} == {"uniform8", "autosplit"}
        assert all(plan.weight_bits.get("0", 8) == 8 for plan in front)
        assert len(front) < len(objects.front)

    def test_a_limit_is_in_the_unit_of_its_name(self, objects):
        every = autosplit.search(objects.problem, front=None)
        most = sorted(p.predictions["1mbps"].latency_s for p in every)[len(every) // 2]
        front = autosplit.search(objects.problem, front=None, max_latency_s=most)

        assert front[0].name.startswith("limit-")
        best = [min(s.latency_s for s in plan.predictions.values()) for plan in front]
        assert max(best) <= most * (1 + 1e-9)

    def test_no_limit_and_zero_are_two_things(self, objects):
        with pytest.raises(InfeasibleError):
            autosplit.search(objects.problem, max_latency_s=0.0)
        assert len(autosplit.search(objects.problem, max_latency_s=None)) == len(objects.front)

    @pytest.mark.parametrize(
        ("about", "error", "words"),
        [
            ({"methods": ["autosplat"]}, OptionError, "methods: unknown name"),
            ({"methods": ()}, OptionError, "methods: must name at least one, got \\(\\)"),
            ({"widths": (2, 4)}, OptionError, "search: unknown option 'widths'"),
            ({"front": 1}, OptionError, "front: must be a whole number of at least 2, got 1"),
            ({"cuts": "useful"}, OptionError, "cuts: useful cuts need a limit"),
            ({"max_bops": -1}, OptionError, "max_bops: must be a number of at least 0, got -1"),
            ({"problem": "fashion-resnet"}, PlanError, "problem: must be an autosplit.Problem"),
        ],
    )
    def test_what_is_wrong_is_told(self, objects, about, error, words):
        with pytest.raises(error, match=words):
            autosplit.search(**{"problem": objects.problem} | about)


class TestSequence:
    def test_places_names_slices_and_lists(self, objects):
        front = objects.front

        assert front[0] is front.plans[0]
        assert front[-1] is front.plans[-1]
        assert front["uniform8"].name == "uniform8"
        assert front[1:3].plans == front.plans[1:3]
        assert [plan.name for plan in front[["uniform8", "cloud16"]]] == ["uniform8", "cloud16"]
        assert front[1:3].links == front.links

    def test_it_can_be_gone_through_and_asked(self, objects):
        front = objects.front

        assert list(front) == list(front.plans)
        assert len(front) == len(front.plans)
        assert front[2] in front

    def test_what_is_not_there_is_told(self, objects):
        with pytest.raises(IndexError):
            objects.front[99]
        with pytest.raises(PlanError, match="front: no plan 'uniform9', did you mean 'uniform"):
            objects.front["uniform9"]


class TestTable:
    def test_it_has_a_row_per_plan_and_link(self, objects):
        table = objects.front.to_pandas()

        assert len(table) == 2 * len(objects.front)
        assert set(table["link"]) == {"1mbps", "20kbps"}

    def test_of_one_link_the_fastest_is_first(self, objects):
        table = objects.front.to_pandas("20kbps")

        assert list(table["latency_s"]) == sorted(table["latency_s"])
        assert len(table) == len(objects.front)

    def test_a_notebook_shows_milliseconds_over_every_link(self, objects):
        html = objects.front._repr_html_()

        assert "1mbps, ms" in html
        assert "20kbps, ms" in html
        assert html.count("<tr") == len(objects.front) + 2  # the header has two lines

    def test_it_says_what_it_is(self, objects):
        assert repr(objects.front) == (
            f"Front(net: toy + tpu_v1: {len(objects.front)} plans over 1mbps, 20kbps, "
            "100,000 bytes)"
        )


class TestPick:
    def test_it_is_the_fastest_plan_that_keeps_the_limits(self, objects):
        pick = objects.front.pick("20kbps", objects.scores, max_drop=10.0)

        allowed = [
            plan.predictions["20kbps"].latency_s
            for plan in objects.front
            if plan.edge_memory_bytes <= 100_000 and objects.scores[plan.name]["drop"] <= 10
        ]
        assert pick.latency_s == min(allowed)
        assert pick.link == "20kbps"

    def test_a_smaller_front_has_a_pick_of_its_own(self, objects):
        front = objects.front[["cloud16"]]

        assert front.pick("1mbps", objects.scores, max_drop=100).plan.name == "cloud16"

    def test_none_allows_any_loss(self, objects):
        pick = objects.front.pick("20kbps", objects.scores, max_drop=None)

        assert pick.latency_s == min(p.predictions["20kbps"].latency_s for p in objects.front)
        assert math.isinf(pick.max_drop)

    def test_nothing_that_keeps_the_limit_is_told(self, objects):
        with pytest.raises(InfeasibleError, match="no measured plan gains at least 200 points"):
            objects.front.pick("1mbps", objects.scores, max_drop=-200)

    @pytest.mark.parametrize(
        ("about", "error", "words"),
        [
            ({"link": "1mbp"}, DataError, "link '1mbp': must be one of the front, did you mean"),
            ({"scores": {}}, DataError, "scores: must be what autosplit.evaluate gives, got dict"),
            ({"max_drop": math.nan}, OptionError, "max_drop: must be a number"),
            ({"max_drop": "1"}, OptionError, "max_drop: must be a number"),
        ],
    )
    def test_what_is_wrong_is_told(self, objects, about, error, words):
        given = {"link": "1mbps", "scores": objects.scores} | about

        with pytest.raises(error, match=words):
            objects.front.pick(**given)


class TestPlot:
    def test_without_scores_it_is_distortion(self, objects):
        drawing = objects.front.plot()

        assert drawing.axes[0].get_ylabel() == "distortion (lower is better)"
        assert [axis.get_title() for axis in drawing.axes] == ["1mbps", "20kbps"]

    def test_with_scores_and_a_drop_the_picks_are_marked(self, objects, tmp_path):
        drawing = objects.front.plot(objects.scores, 10.0, tmp_path / "front.png")
        pick = objects.front.pick("1mbps", objects.scores, 10.0)

        assert drawing.axes[0].get_title() == f"1mbps, pick: {pick.plan.name}"
        assert (tmp_path / "front.png").read_bytes() == drawing.png()


class TestPlanFiles:
    def test_they_hold_the_grids_of_the_stage(self, objects, files):
        for file in objects.front.plan_files():
            assert file.half_sha256 == files[file.plan.name].half_sha256
            assert file.baseline == "cloud16"

    def test_without_statistics_there_are_none(self, objects):
        with pytest.raises(PlanError, match="front: must come from a search on statistics"):
            replace(objects.front, stats=None).plan_files()


def test_the_fastest_plan_that_fits_is_first(objects):
    front = replace(objects.front, limit_bytes=1000)
    names = front.fastest_first("20kbps")

    assert all(front[name].edge_memory_bytes <= 1000 for name in names)
    seconds = [front[name].predictions["20kbps"].latency_s for name in names]
    assert seconds == sorted(seconds)
    assert 0 < len(names) < len(front)
