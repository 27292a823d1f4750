"""A run folder that was moved away from its network, its data and its profiles keeps working."""

import shutil
from pathlib import Path

import pytest
from tiny import EDGE

from autosplit.api.run import Run
from autosplit.cli.app import main
from autosplit.errors import AutoSplitError
from autosplit.files import write_text
from autosplit.runs.stages import run as stages

TABLE = """\
schema: autosplit/device/1
name: timed
source: made up for a test
model: table
float_bits: 32
table: seconds.csv
"""


@pytest.fixture
def moved(tiny, tmp_path, monkeypatch):
    """The run folder alone, in an empty folder that is the current one."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    shutil.move(tiny.run, place / "run")
    monkeypatch.chdir(place)
    return Path("run")


def test_every_stage_that_needs_no_network_has_nothing_new_to_do(moved, capsys):
    for stage in ("search", "latency"):
        assert main([stage, "--out", "run"]) == 0
        assert f"{stage}: nothing new to do" in capsys.readouterr().out


def test_a_plan_is_printed_and_a_search_is_done_again(moved, capsys):
    assert main(["emit", "--run", "run"]) == 0
    assert capsys.readouterr().out.startswith("schema: autosplit/plan/1")
    before = (moved / "plans.csv").read_bytes()

    assert main(["search", "--force", "--out", "run"]) == 0
    assert main(["latency", "--out", "run"]) == 0
    assert (moved / "plans.csv").read_bytes() == before
    assert Run(moved).plans


def test_what_needs_the_network_says_that_it_is_not_there(moved, capsys):
    assert main(["quantize", "--trust", "--force", "--out", "run"]) == 1
    assert "net.py: must be a Python file, there is none" in capsys.readouterr().err


def test_a_profile_that_is_there_and_changed_still_counts(tiny):
    write_text(Path("toy.yaml"), EDGE.replace("1.0e+6\npeak", "2.0e+6\npeak"))

    with pytest.raises(AutoSplitError, match="edge has changed since"):
        stages.STAGES["latency"].run(tiny.run, {})


def test_a_table_of_seconds_is_copied_with_its_device(tiny, tmp_path, monkeypatch):
    Path("deep").mkdir()
    write_text(Path("deep/timed.yaml"), TABLE)
    write_text(Path("deep/seconds.csv"), "layer,seconds\n0,1.0\n2,2.0\n5,3.0\n")
    stages.STAGES["latency"].run(tiny.run, {"edge": "deep/timed.yaml"})
    before = (tiny.run / "latency.csv").read_bytes()
    shutil.move(tiny.run, tmp_path / "run")
    monkeypatch.chdir(tmp_path)

    assert not stages.STAGES["latency"].run(Path("run"), {}, force=True).done_before
    assert Path("run/latency.csv").read_bytes() == before
