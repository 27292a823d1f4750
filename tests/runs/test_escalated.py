"""Escalations beside all other plans: seconds by hand, columns, the pick."""

from dataclasses import replace

import pytest
from run_folders import step, table

from autosplit.escalation.escalation import read_escalation
from autosplit.hardware.device import load_device
from autosplit.hardware.link import load_link
from autosplit.hardware.prediction import cloud_s
from autosplit.runs.escalated import ESCALATION_COLUMNS, escalation_names
from autosplit.runs.folder import read_graph
from autosplit.runs.options import CollectOptions
from autosplit.runs.summary import pick_all, pick_file, summarize
from autosplit.runs.viewing import write_page

ASKED = {"escalation": "margin", "escalation_risk": 50, "escalation_images": 8, "confidence": 0.5}


@pytest.fixture
def rows(tiny):
    step(tiny, "quantize", **ASKED)
    step(tiny, "collect", max_drop=None)
    return table(tiny.run / "summary_full.csv")


def test_seconds_are_those_of_the_edge_and_of_what_is_sent(tiny, rows):
    graph, found = read_graph(tiny.run), [row for row in rows if row["method"] == "escalation"]

    assert len(found) == 2 * len(escalation_names(tiny.run)) > 0
    by_plan = {(row["name"], row["link"]): row for row in rows}
    for row in found:
        one = read_escalation(tiny.run / "escalation" / f"{row['name']}.yaml")
        link = load_link(row["link"])
        there_s = 8 * one.sent.sent / link.uplink_bps + cloud_s(
            graph.cut(one.cut), load_device("tpu_v1")
        )
        edge_s = float(by_plan[one.edge_plan, row["link"]]["edge_s"])
        assert float(row["latency_s"]) == pytest.approx(edge_s + (1 - one.sent.share) * there_s)
        slow = 0.0
        if one.sent.high:
            slow = 8 * one.sent.high / link.uplink_bps + cloud_s(
                graph.cut(one.cut), load_device("tpu_v1")
            )
        assert float(row["latency_p95_s"]) == pytest.approx(edge_s + slow)
        assert float(row["edge_share"]) == one.sent.share
        assert int(row["cut_bytes"]) == round(one.sent.mean)


def test_nothing_is_claimed_of_distortion_or_its_gap(rows):
    for row in rows:
        if row["method"] == "escalation":
            assert (row["distortion"], row["optimality_gap"], row["pareto"]) == ("", "", "0")
            assert float(row["risk_bound"]) <= 0.5
        else:
            assert {row[name] for name in ESCALATION_COLUMNS} == {""}


def test_a_run_folder_without_escalations_has_the_usual_columns(tiny):
    assert not set(ESCALATION_COLUMNS) & set(table(tiny.run / "summary_full.csv")[0])


def test_an_escalation_may_be_picked_and_is_named_with_its_file(tiny, rows):
    summary = summarize(tiny.run, read_graph(tiny.run), None)
    assert {one.plan.method for one in summary.candidates} >= {"escalation"}
    (link, *_) = summary.links
    measured = [one for one in summary.over(link) if one.measured]
    ours = [replace(one, drop=0.0 if one.sent_on else 99.0) for one in measured]
    changed = replace(summary, candidates=tuple(ours))

    picks = pick_all(read_graph(tiny.run), changed, 1.0)

    pick = picks[link]
    assert pick.plan.name.startswith("escalation-")
    entry = pick_file(tiny.run, picks, link, CollectOptions())["picks"][link]
    assert entry["file"] == f"escalation/{pick.plan.name}.yaml"
    (cells,) = (row for row in pick.rows() if row[0] == "answered on the edge, %")
    assert cells[1] == f"{100 * pick.candidate.sent_on.share:.2f}"
    assert pick.header()[1] == "pick"  # though all layers are on the edge, it is not all-edge
    assert "95 % take, ms" in pick.text()


def test_the_page_of_a_run_shows_escalations_and_no_gap_of_theirs(tiny, rows):
    out = tiny.place / "page.html"
    write_page(tiny.run, out)

    text = out.read_text()
    (name, *_) = (row["name"] for row in rows if row["method"] == "escalation")
    assert name in text
    assert "not known" in text
