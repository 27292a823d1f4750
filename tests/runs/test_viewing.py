"""The page of a run folder: numbers are those of its files."""

import base64
import csv
import re
from hashlib import sha256

import pytest

from autosplit.errors import DataError, StageError
from autosplit.report.page.panels import plan_columns
from autosplit.report.points import Points
from autosplit.runs.viewing import read_view, write_page


def test_numbers_on_the_page_are_those_of_the_csv(tiny):
    view = read_view(tiny.run)

    size = write_page(tiny.run, tiny.place / "page.html")

    page = (tiny.place / "page.html").read_text()
    assert size == len(page.encode())
    (carried,) = re.findall(r'href="data:text/csv;base64,([^"]*)"', page)
    assert base64.b64decode(carried) == (tiny.run / "summary_full.csv").read_bytes()
    with (tiny.run / "summary_full.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    points = Points(view.candidates, view.title, view.float_score)
    for link in view.links:
        measured = {row["name"]: row for row in rows if row["link"] == link and row["images"]}
        found = plan_columns(view, points, points.over(link))
        assert sorted(found["name"]) == sorted(measured)
        for place, name in enumerate(found["name"]):
            assert found["total_ms"][place] == 1e3 * float(measured[name]["latency_s"])
            assert found["drop_text"][place] == f"{float(measured[name]['drop']):.2f}"


def test_commands_and_hashes_are_those_of_the_stamps(tiny):
    stages = read_view(tiny.run).stages

    assert list(stages) == ["stats", "search", "latency", "quantize", "collect"]
    assert stages["collect"].command.startswith("autosplit collect")
    full = (tiny.run / "summary_full.csv").read_bytes()
    assert stages["collect"].outputs == {"summary_full.csv": sha256(full).hexdigest()}
    assert "--model net.py:net" in stages["stats"].command
    assert "--edge toy.yaml" in stages["search"].command
    assert "graph.json" in stages["stats"].outputs


def test_a_run_that_is_not_finished_is_refused(tiny):
    (tiny.run / "stages" / "collect.json").unlink()

    with pytest.raises(StageError, match=r"the stage collect must be done, run: autosplit collect"):
        read_view(tiny.run)


def answers(tiny, plan, edge="1.5"):
    path = tiny.place / "answers.csv"
    path.write_text(
        "source,plan,answer,edge_ms,coding_ms,sent_bytes,link_ms,cloud_ms,own_ms,total_ms\n"
        f"a,{plan},1,{edge},0,10,2,3,0,6\nb,{plan},1,2.5,0,10,2,3,0,7\n"
    )
    return path


def test_answers_of_a_bundle_are_medians(tiny):
    name = read_view(tiny.run).candidates[0].plan.name

    (found,) = read_view(tiny.run, answers(tiny, name)).answered

    assert (found.plan, found.answers, found.edge_ms, found.total_ms) == (name, 2, 2.0, 6.5)


def test_answers_of_other_plans_and_other_tables_are_refused(tiny):
    name = read_view(tiny.run).candidates[0].plan.name
    with pytest.raises(DataError, match="must be of plans of the run, got 'other'"):
        read_view(tiny.run, answers(tiny, "other"))
    with pytest.raises(DataError, match="edge_ms: must be numbers"):
        read_view(tiny.run, answers(tiny, name, "fast"))
    with pytest.raises(DataError, match="it has no column plan"):
        read_view(tiny.run, tiny.run / "scores.csv")
