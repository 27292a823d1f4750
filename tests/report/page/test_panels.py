"""Panels of the front: every measured plan once, with the numbers of its row."""

from dataclasses import replace

import pytest
from pages import page_view

from autosplit.report.page.panels import front_panels, method_marks, plan_columns
from autosplit.report.points import Points


def columns(view, link="3mbps"):
    points = Points(view.candidates, view.title, view.float_score)
    return plan_columns(view, points, points.over(link))


def test_a_panel_shows_the_measured_plans_of_its_link_with_the_numbers_of_the_csv():
    view = page_view()

    found = columns(view)

    rows = {row["name"]: row for row in view.rows if row["link"] == "3mbps"}
    assert found["name"] == ["p", "cloud16"]  # the third one was not measured
    for place, name in enumerate(found["name"]):
        row = rows[name]
        assert found["total_ms"][place] == 1e3 * float(row["latency_s"])
        assert found["sent_bytes"][place] == int(row["cut_bytes"])
        assert found["memory_bytes"][place] == int(row["edge_memory_bytes"])
    assert found["y"] == [pytest.approx(93.4), pytest.approx(93.7)]
    assert found["accuracy_text"][0] == "93.40 % (92.00 to 95.00)"


def test_plans_that_do_not_fit_or_were_stopped_are_pale():
    view = page_view()
    worse = [replace(one, fits=one.plan.name != "p") for one in view.candidates]

    assert columns(page_view(candidates=worse))["alpha"] == [0.15, 0.8]
    assert columns(view)["alpha"] == [0.8, 0.8]


def test_methods_differ_in_shape_and_colour():
    marks = method_marks(one.plan.method for one in page_view().candidates)

    assert list(marks) == ["autosplit", "cloud16"]
    for part in zip(*marks.values(), strict=True):
        assert len(set(part)) == len(marks)


def test_there_is_a_panel_for_each_link_and_its_pick_is_marked():
    panels = front_panels(page_view())

    assert list(panels) == ["3mbps", "slow"]
    legends = [{item.label.value for item in panel.legend[0].items} for panel in panels.values()]
    assert legends[0] == {"float: 93.70 %", "1 point lost", "best measured", "pick: p"}
    assert legends[1] == {"float: 93.70 %", "1 point lost", "best measured"}
