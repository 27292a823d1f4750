"""The join of plans, latencies and scores, and the picks among them."""

import csv

import pytest

from autosplit.errors import DataError, InfeasibleError
from autosplit.evaluate.task import CLASSIFICATION
from autosplit.runs.folder import read_graph
from autosplit.runs.summary import headline, pick_all, summarize


def rewrite(path, change):
    """Change the rows of a CSV file."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        change(row)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def unlabelled(row):
    row.update(top1="", top5="", agreement="0.75")


class TestSummarize:
    def test_it_says_what_was_run_where_and_what_was_measured(self, tiny):
        summary = summarize(tiny.run, read_graph(tiny.run), None)

        assert summary.title == "net: toy + tpu_v1"
        assert (summary.float_score.metric, summary.float_score.images) == ("top-1", 12)

    def test_without_labels_it_is_agreement_that_was_measured(self, tiny):
        rewrite(tiny.run / "scores.csv", unlabelled)
        summary = summarize(tiny.run, read_graph(tiny.run), None)

        assert summary.float_score.metric == "agreement with the float network"
        assert {one.accuracy for one in summary.candidates if one.drop is not None} == {0.75}
        assert {line["agreement"] for line in summary.table if line["images"]} == {"0.75"}

    def test_a_plan_without_a_score_is_there_without_it(self, tiny):
        rewrite(
            tiny.run / "scores.csv", lambda r: r.update(name=r["name"].replace("uniform8", "x"))
        )
        summary = summarize(tiny.run, read_graph(tiny.run), None)

        (one, _) = [one for one in summary.candidates if one.plan.name == "uniform8"]
        assert (one.drop, one.accuracy) == (None, None)
        lines = [line for line in summary.table if line["name"] == "uniform8"]
        assert {line[key] for line in lines for key in CLASSIFICATION.measured} == {""}

    def test_pareto_is_told_per_plan_and_link(self, tiny):
        def only_one(row):
            row["pareto"] = str(int((row["name"], row["link"]) == ("uniform8", "20kbps")))

        rewrite(tiny.run / "plans.csv", only_one)
        summary = summarize(tiny.run, read_graph(tiny.run), None)

        marked = [(line["name"], line["link"]) for line in summary.table if line["pareto"]]
        assert marked == [("uniform8", "20kbps")]

    def test_a_plan_fits_up_to_the_limit(self, tiny):
        graph = read_graph(tiny.run)
        plans = [one.plan for one in summarize(tiny.run, graph, None).candidates]
        sizes = {plan.name: plan.edge_memory_bytes for plan in plans}
        limit = sizes["uniform4"]

        for one in summarize(tiny.run, graph, limit).candidates:
            assert one.fits == (sizes[one.plan.name] <= limit)
        assert not all(size <= limit for size in sizes.values())

    def test_the_table_has_the_columns_of_the_file(self, tiny):
        summary = summarize(tiny.run, read_graph(tiny.run), None)

        assert all(tuple(line) == summary.header for line in summary.table)
        assert summary.header[-12:] == (
            *"images top1 top5 agreement kl top1_low top1_high".split(),
            *("drop", "drop_low", "drop_high", "lost", "won"),
        )


class TestPicks:
    def test_every_link_has_its_own(self, tiny):
        graph = read_graph(tiny.run)
        picks = pick_all(graph, summarize(tiny.run, graph, None), 100.0)

        assert list(picks) == ["1mbps", "20kbps"]
        assert all(pick.link == link for link, pick in picks.items())

    def test_a_memory_that_holds_no_measured_plan_is_told_from_a_drop(self, tiny):
        rewrite(tiny.run / "scores.csv", lambda r: r.update(name=r["name"].replace("c", "x")))
        graph = read_graph(tiny.run)

        with pytest.raises(InfeasibleError, match="memory: no plan that was measured fits"):
            pick_all(graph, summarize(tiny.run, graph, 1), 100.0)
        with pytest.raises(InfeasibleError, match="max-drop: no measured plan gains at least 999"):
            pick_all(graph, summarize(tiny.run, graph, None), -999.0)

    @pytest.mark.parametrize(
        ("asked", "links", "link"),
        [
            (None, ["1mbps", "3mbps"], "3mbps"),
            (None, ["lte", "1mbps"], "lte"),
            ("1mbps", ["1mbps", "3mbps"], "1mbps"),
        ],
    )
    def test_the_headline_is_3mbps_unless_told_otherwise(self, asked, links, link):
        assert headline(asked, dict.fromkeys(links)) == link

    def test_a_link_without_a_pick_cannot_be_asked_for(self):
        with pytest.raises(
            DataError, match="link 'lte': must be one with a pick, choose from: 1mb"
        ):
            headline("lte", {"1mbps": None})
