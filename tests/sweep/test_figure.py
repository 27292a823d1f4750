"""Figures of a sweep."""

import pytest
from sweeps import read, rewrite, run

from autosplit.sweep import figure as sweepfigure
from autosplit.sweep.file import FIGURES, read_sweep_file


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_is_drawn(place, figure):
    rewrite(place, "seed: 0", f"figure: {figure}")

    swept = run(place)

    assert swept.figure.read_bytes().startswith(b"\x89PNG")


def test_the_winner_keeps_the_limits_and_is_the_fastest(place):
    swept, plan = run(place), read_sweep_file(place / "tiny.yaml")
    rows = [row for row in read(swept.table) if row["model"] == "wide"]
    most = max(float(row["distortion"]) for row in rows if row["method"] == "uniform8")
    allowed = [
        row
        for row in rows
        if float(row["distortion"]) <= most * (1 + 1e-9) and int(row["edge_memory_bytes"]) <= 5000
    ]

    got = sweepfigure.winners(plan, rows)

    assert [row["link_mbps"] for row in got] == ["0.02", "1.0"]
    for winner in got:
        same = [row for row in allowed if row["link_mbps"] == winner["link_mbps"]]
        assert float(winner["latency_s"]) == min(float(row["latency_s"]) for row in same)
        assert winner["method"] == "autosplit"
    broken = [row for row in rows if row["method"] == "uniform4"]
    assert broken
    assert not any(sweepfigure.keeps_limits(plan, row, rows) for row in broken)
