"""``autosplit.search`` and its ``Front``: plans by place and name, tables, the pick."""

import pytest
from small_net import searched

import autosplit
from autosplit.errors import AutoSplitError, InfeasibleError, PlanError
from autosplit.search.methods import search as every_plan


def test_plans_are_found_by_place_by_name_and_in_parts():
    front = searched().front
    first, last = front[0], front[-1]

    assert front[first.name] is first
    assert [plan.name for plan in front[:2]] == [plan.name for plan in list(front)[:2]]
    assert front[[last.name, first.name]].plans == (last, first)
    with pytest.raises(PlanError, match=r"front: no plan 'uniform88', did you mean 'uniform8'\?"):
        front["uniform88"]
    with pytest.raises(IndexError):
        front[len(front)]


def test_plans_are_those_of_the_search():
    names = {plan.name for plan in every_plan(searched().problem)}

    assert {plan.name for plan in searched().front} <= names


def test_the_table_has_a_row_for_each_plan_and_link_the_fastest_first():
    front = searched().front
    table = front.to_pandas()

    assert len(table) == len(front) * len(front.links)
    for link in front.links:
        one = front.to_pandas(link)
        assert list(one["latency_s"]) == sorted(one["latency_s"])
        for name, row in one.iterrows():
            assert row["latency_s"] == front[name].predictions[link].latency_s


def test_a_link_that_is_not_there_is_named():
    with pytest.raises(AutoSplitError, match="link '1mbp': must be one of the front"):
        searched().front.to_pandas("1mbp")


@pytest.mark.parametrize("link", ["1mbps", "20kbps"])
@pytest.mark.parametrize("max_drop", [0.0, 10.0, None])
def test_the_pick_is_the_fastest_plan_within_the_limits(link, max_drop):
    front, scores = searched().front, searched().scores
    most = float("inf") if max_drop is None else max_drop
    allowed = [
        plan.predictions[link].latency_s
        for plan in front
        if plan.name in scores.by_name
        and scores[plan.name]["drop"] <= most + 1e-9
        and plan.edge_memory_bytes <= front.limit_bytes
    ]

    pick = front.pick(link, scores, max_drop=max_drop)

    assert pick.plan.predictions[link].latency_s == min(allowed)


def test_without_any_plan_that_keeps_the_limits_there_is_no_pick():
    with pytest.raises(InfeasibleError, match="no measured plan loses at most -1000 points"):
        searched().front.pick("1mbps", searched().scores, max_drop=-1000)


@pytest.mark.parametrize("points", [True, "1", float("nan")])
def test_a_drop_that_is_no_number_is_refused(points):
    with pytest.raises(PlanError, match="max_drop: must be a number of points or None"):
        searched().front.pick("1mbps", searched().scores, max_drop=points)


def test_scores_must_be_scores():
    with pytest.raises(AutoSplitError, match=r"scores: must be what autosplit.evaluate gives"):
        searched().front.pick("1mbps", {})


def test_limits_and_methods_are_those_of_the_command():
    problem = searched().problem
    front = autosplit.search(problem, methods=("uniform4", "cloud16"))
    assert {plan.method for plan in front} == {"uniform4", "cloud16"}
    with pytest.raises(AutoSplitError, match="uniform9"):
        autosplit.search(problem, methods=("uniform9",))
    with pytest.raises(PlanError, match="methods: must be a list of names, got the text"):
        autosplit.search(problem, methods="all")
    with pytest.raises(PlanError, match=r"problem: must be an autosplit.Problem, got dict"):
        autosplit.search({})


def test_notebooks_show_a_table_and_a_figure(tmp_path):
    front = searched().front

    assert "<table" in front._repr_html_()
    assert "20kbps, ms" in front._repr_html_()
    front.plot(searched().scores, max_drop=10.0, path=tmp_path / "front.png")
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")


def test_plan_files_say_what_crosses_as_the_stage_does():
    front = searched().front

    for file in front.plan_files():
        sent = front.graph.cut(file.plan.edge).crossing
        assert file.wire.names == sent
        if file.plan.input_coding is None:
            assert sum(one.sample_bytes for one in file.wire.tensors) == file.plan.crossing_bytes
