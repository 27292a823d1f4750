"""The page of a sweep: what wins is what the table says, and the numbers are those of its rows."""

import json
import re
from dataclasses import replace

import pytest
from sweeps import read, run

from autosplit.errors import FileError
from autosplit.sweep.page import sweep_page, write_sweep_page
from autosplit.sweep.table import read_sweep


@pytest.fixture
def done(place):
    """A sweep's folder whose searches are done."""
    run(place)
    return place


def document(text):
    """What bokeh draws: the columns of every source by its name."""
    data = json.loads(re.search(r'id="data">(.*?)</script>', text)[1])
    found = {}

    def walk(value):
        if isinstance(value, dict):
            if value.get("name") == "ColumnDataSource" and "name" in value.get("attributes", {}):
                entries = value["attributes"]["data"]["entries"]
                found[value["attributes"]["name"]] = dict(entries)
            for one in value.values():
                walk(one)
        elif isinstance(value, list):
            for one in value:
                walk(one)

    walk(data["document"])
    return found


def test_every_row_is_drawn_with_the_numbers_of_the_table(done):
    text = sweep_page(read_sweep(done / "tiny.yaml", done / "tiny.csv"), done / "tiny.yaml")
    rows = read(done / "tiny.csv")
    drawn = document(text)

    assert {name.split(" ")[-1] for name in drawn} == {row["method"] for row in rows}
    shown = sorted(ms for columns in drawn.values() for ms in columns["total_ms"])
    assert shown == pytest.approx(sorted(1e3 * float(row["latency_s"]) for row in rows))
    for row in rows:
        assert f"{float(row['latency_s']):.4g}" in text


def test_the_fastest_row_within_the_limits_wins_with_its_speed_up(done):
    table = read_sweep(done / "tiny.yaml", done / "tiny.csv")
    text = sweep_page(table, done / "tiny.yaml")
    rows = read(done / "tiny.csv")
    keeping = [
        row
        for row, keeps in zip(rows, table.to_pandas()["keeps_limits"], strict=True)
        if keeps and row["model"] == "wide" and float(row["link_mbps"]) == 1
    ]
    fastest = min(float(row["latency_s"]) for row in keeping)
    (alone,) = [float(row["latency_s"]) for row in keeping if row["method"] == "cloud16"]
    assert "<td>wide 5000</td>" in text
    assert f"<td>{1e3 * fastest:,.2f}</td><td>{alone / fastest:.2f}</td>" in text


def test_rows_that_break_a_limit_are_hollow(done):
    path = done / "tiny.yaml"
    text = sweep_page(read_sweep(path, done / "tiny.csv"), path)
    rows = [row for row in read(done / "tiny.csv") if row["model"] == "small"]
    rows = [row for row in rows if row["memory_bytes"] == "300" and float(row["link_mbps"]) == 1]
    most = min(float(row["distortion"]) for row in rows if row["method"] == "uniform8")
    expected = {
        row["method"]: int(row["edge_memory_bytes"]) <= 300 and float(row["distortion"]) <= most
        for row in rows
    }
    found = {}
    for columns in document(text).values():
        for method, group, mbps, limits, filled in zip(
            *(columns[key] for key in ("method", "group", "mbps", "limits", "filled")), strict=True
        ):
            if (group, mbps) == ("small 300", 1):
                found[method] = limits == "kept"
                assert (filled > 0) == found[method]

    assert found == expected
    assert set(found.values()) == {True, False}
    assert "A hollow mark breaks a limit." in text


def test_the_title_counts_the_methods_that_have_rows(done):
    table = read_sweep(done / "tiny.yaml", done / "tiny.csv")
    made = {row["method"] for row in read(done / "tiny.csv")}
    fewer = replace(table, sweep=replace(table.sweep, methods=(*table.sweep.methods, "random")))
    assert f"{len(made)} methods</title>" in sweep_page(fewer, done / "tiny.yaml")


def test_the_page_asks_no_network_and_says_its_sources(done):
    size = write_sweep_page(done / "tiny.yaml", done / "page.html", done / "tiny.csv")
    text = (done / "page.html").read_text()
    assert size == len(text.encode()) < 3_000_000
    assert not re.search(r'(src|href)="https?:', text.partition("<script")[0])
    assert "Auto-Split, KDD 2021" in text
    assert "seconds simulated" in text


def test_many_links_are_drawn_by_network(done):
    rates = ", ".join(f"{n}mbps" for n in range(1, 9))
    path = done / "tiny.yaml"
    path.write_text(path.read_text().replace("links: [20kbps, 1mbps]", f"links: [{rates}]"))
    run(done)
    text = sweep_page(read_sweep(path, done / "tiny.csv"), path)
    assert "Both axes are logarithmic" in text
    assert len([name for name in document(text) if name.startswith("plans small 300")]) == 1


def test_a_table_of_another_sweep_is_refused(done):
    (done / "tiny.csv").write_text("a,b\n1,2\n")
    with pytest.raises(FileError):
        write_sweep_page(done / "tiny.yaml", done / "page.html", done / "tiny.csv")


def test_a_sweep_that_was_not_run_says_what_to_run(place):
    with pytest.raises(FileError, match=r"must be the table of the sweep, run: autosplit sweep"):
        write_sweep_page(place / "tiny.yaml", place / "page.html", place / "none.csv")
