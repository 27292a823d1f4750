"""The stage ``collect``: table and picks."""

import re

import pytest
import yaml
from run_folders import edit_text, files_of, rerun, step, table

from autosplit.errors import (
    DataError,
    InfeasibleError,
)
from autosplit.runs.folder import plan_names, read_graph
from autosplit.runs.stages.collect import COLLECT, text_of
from autosplit.runs.summary import pick_all, summarize
from autosplit.runs.viewing import write_page


class TestCollect:
    def test_the_pick_is_the_fastest_allowed_row_of_the_table(self, tiny):
        step(tiny, "collect", max_drop=10.0)
        rows = table(tiny.run / "summary_full.csv")
        data = yaml.safe_load((tiny.run / "pick.yaml").read_text())

        assert (data["headline"], data["max_drop"]) == ("1mbps", 10.0)
        assert set(data["picks"]) == {"1mbps", "20kbps"}
        for link, entry in data["picks"].items():
            allowed = [
                row
                for row in rows
                if row["link"] == link
                and row["drop"] != ""
                and float(row["drop"]) <= 10
                and int(row["edge_memory_bytes"]) <= 100_000
            ]
            assert entry["latency_s"] == min(float(row["latency_s"]) for row in allowed)
            (row,) = [row for row in allowed if row["name"] == entry["plan"]]
            assert float(row["drop"]) == entry["drop"]
            assert int(row["cut_bytes"]) == entry["crossing_bytes"]

    def test_what_does_not_fit_is_never_on_the_front(self, tiny):
        """The limit is one byte short of the baseline that would be best."""
        rows = {row["name"]: row for row in table(tiny.run / "plans.csv")}
        limit = int(rows["uniform8"]["edge_memory_bytes"]) - 1
        step(tiny, "search", memory_bytes=limit, methods=("uniform8", "uniform2", "cloud16"))

        found = table(tiny.run / "plans.csv")
        assert {row["name"] for row in found if row["pareto"] == "1"} <= {"uniform2", "cloud16"}
        assert {row["pareto"] for row in found if row["name"] == "uniform8"} == {"0"}

    def test_rows_are_by_link_and_latency(self, tiny):
        rows = table(tiny.run / "summary_full.csv")
        keys = [(row["link"] != "1mbps", float(row["latency_s"])) for row in rows]

        assert keys == sorted(keys)

    def test_a_link_can_be_asked_for(self, tiny):
        assert step(tiny, "collect", link="20kbps").text.startswith("Over 20kbps; ")
        with pytest.raises(DataError, match="link '20kbp': must be one with a pick, did you mean"):
            step(tiny, "collect", link="20kbp")

    def test_a_drop_that_nothing_keeps(self, tiny):
        before = files_of(tiny.run)
        with pytest.raises(
            InfeasibleError, match="no measured plan gains at least 1000 points, the"
        ):
            step(tiny, "collect", max_drop=-1000.0)

        assert files_of(tiny.run) == before

    def test_plans_that_were_not_measured_stay_in_the_table(self, tiny):
        step(tiny, "quantize", plans="uniform8,cloud16")
        step(tiny, "collect")
        rows = table(tiny.run / "summary_full.csv")

        assert {row["name"] for row in rows} == set(plan_names(tiny.run))
        assert {row["name"] for row in rows if row["drop"]} == {"uniform8", "cloud16"}

    def test_data_without_labels_is_picked_by_agreement(self, tiny):
        edit_text(
            tiny.place / "data.py",
            "[(images[:7], labels[:7]), (images[7:], labels[7:])]",
            "[images]",
        )
        rerun(tiny)
        rows = table(tiny.run / "summary_full.csv")

        assert {row["top1"] for row in rows} == {""}
        for row in rows:
            if row["agreement"]:
                drop = 100 - 100 * float(row["agreement"])
                assert float(row["drop"]) == pytest.approx(drop)


def test_there_is_a_table_for_each_link(tiny):
    text = COLLECT.run(tiny.run, {}, force=True).text

    first = text.splitlines()[0]
    assert re.fullmatch(r"Over 1mbps; float network: top-1 [\d.]+ % on 12 samples", first)
    assert first.replace("1mbps", "20kbps") in text
    assert text.count("speed-up of the pick") == 2


def test_the_page_is_the_one_that_report_writes(tiny):
    COLLECT.run(tiny.run, {"max_drop": 50.0}, force=True)
    write_page(tiny.run, tiny.place / "again.html")

    assert (tiny.run / "report.html").read_bytes() == (tiny.place / "again.html").read_bytes()


def test_the_page_can_be_left_out(tiny):
    COLLECT.run(tiny.run, {"page": False})

    assert not (tiny.run / "report.html").exists()
    assert (tiny.run / "pareto.png").is_file()


def test_one_link_can_be_asked_for(tiny):
    text = COLLECT.run(tiny.run, {"link": "20kbps"}).text

    assert text.startswith("Over 20kbps; ")
    assert "1mbps" not in text
    assert yaml.safe_load((tiny.run / "pick.yaml").read_text())["headline"] == "20kbps"


def test_nothing_new_to_do_prints_the_same(tiny):
    first = COLLECT.run(tiny.run, {}, force=True)
    again = COLLECT.run(tiny.run, {})

    assert again.done_before
    assert again.text == first.text


def test_a_link_without_a_pick_says_why(tiny):
    graph = read_graph(tiny.run)
    summary = summarize(tiny.run, graph, None)
    picks = pick_all(graph, summary, 100.0)
    del picks["1mbps"]

    text = text_of(summary, picks, -500.0)
    assert text.startswith("Over 1mbps: no pick; max-drop: no measured plan gains at least 500")
    assert "\n\n\nOver 20kbps; float network: " in text


def test_the_short_table_has_the_float_network_and_every_row_of_the_full_one(tiny):
    step(tiny, "collect")
    short, full = (table(tiny.run / name) for name in ("summary.csv", "summary_full.csv"))

    assert (short[0]["name"], len(short)) == ("float", len(full) + 1)
    for few, every in zip(short[1:], full, strict=True):
        assert (few["name"], few["link"]) == (every["name"], every["link"])
        assert float(few["latency_s"]) == pytest.approx(float(every["latency_s"]), rel=1e-3)
        if every["top1"]:
            assert float(few["accuracy_percent"]) == pytest.approx(
                100 * float(every["top1"]), abs=0.01
            )
    assert {row["link"] for row in short if row["pick"] == "1"} == {row["link"] for row in full}
    low, high = (float(short[0][f"accuracy_{end}_percent"]) for end in ("low", "high"))
    assert low < float(short[0]["accuracy_percent"]) <= high
    kinds = {(row["edge"], row["edge_seconds"]) for row in short[1:]}
    assert kinds == {("toy", "peak")}
    assert {row["latency_limit_s"] for row in short} == {""}
