"""The table of a sweep, read back."""

import pandas as pd
import pytest
from sweeps import read, rewrite, run

import autosplit
from autosplit.errors import FileError
from autosplit.sweep.figure import keeps_limits


@pytest.fixture
def table(place):
    """The sweep's table, read back, in the folder of the sweep."""
    swept = run(place)
    return autosplit.read_sweep("tiny.yaml", swept.table)


def test_the_rows_are_those_of_the_file_and_say_which_keep_the_limits(table):
    got = table.to_pandas()

    written = read(table.path)
    assert len(got) == len(written) > 0
    pd.testing.assert_frame_equal(got.drop(columns="keeps_limits"), pd.read_csv(table.path))
    want = [keeps_limits(table.sweep, row, written) for row in written]
    assert got["keeps_limits"].tolist() == want
    assert True in want
    assert False in want
    assert repr(table).endswith(f": {len(written)} rows)")


def test_a_winner_is_the_fastest_row_that_keeps_the_limits(table):
    got, rows = table.winners(), table.to_pandas()

    kept = rows[rows["keeps_limits"]]
    for _, row in got.iterrows():
        same = kept[(kept["model"] == row["model"]) & (kept["link_mbps"] == row["link_mbps"])]
        assert row["latency_s"] == same["latency_s"].min()
    assert set(got["model"]) == set(kept["model"])


@pytest.mark.parametrize(("line", "panels"), [("seed: 0", 2), ("figure: crossover", 2)])
def test_the_figure_is_the_one_that_the_sweep_file_asks_for(place, table, line, panels):
    rewrite(place, "seed: 0", line)

    drawn = autosplit.read_sweep("tiny.yaml", table.path).plot()

    assert drawn.png() == drawn.png()
    titles = [axis.get_title() for axis in drawn.axes if axis.get_visible()]
    rates = [title for title in titles if "Mbit/s" in title]
    assert bool(rates) == (line == "seed: 0")
    assert len(titles) >= panels


def test_a_table_that_is_missing_is_told(place):
    with pytest.raises(FileError, match=r"results/tiny\.csv"):
        autosplit.read_sweep("tiny.yaml")
