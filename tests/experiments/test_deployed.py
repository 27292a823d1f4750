"""Plans over a real link: the script that prints what was promised beside what was measured."""

import csv
import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from autosplit.deploy.profile import NetworkProfile

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
ROOT = os.geteuid() == 0 and None not in (shutil.which("ip"), shutil.which("tc"))


@pytest.mark.parametrize(
    ("up_s", "down_s", "rest_s", "crossing_s"),
    [
        (0.010, 0.0, 1.0, 0.0),  # the bucket of 12 ms is full again: all of it passes at once
        (0.010, 0.0, 0.0, 0.010),  # it never fills, so the link sends at its rate
        (0.010, 0.0, 0.002, 0.008),
        (0.100, 0.050, 1.0, 0.088 + 0.038),
        (0.100, 0.004, 0.001, 0.099 + 0.0),  # the answer finds a full bucket, the message does not
    ],
)
def test_a_bucket_lets_through_what_it_saved(monkeypatch, up_s, down_s, rest_s, crossing_s):
    monkeypatch.syspath_prepend(EXPERIMENTS)
    shaped_s = importlib.import_module("deployed_rows").shaped_s

    assert shaped_s(up_s, down_s, rest_s, 0.012) == pytest.approx(crossing_s)


def test_of_each_part_of_a_profile_the_fastest_round_counts(monkeypatch):
    monkeypatch.syspath_prepend(EXPERIMENTS)
    fastest = importlib.import_module("deployed_profile").fastest

    def measured(*seconds):
        return tuple(SimpleNamespace(nodes=SimpleNamespace(whole_s=one)) for one in seconds)

    slow_integers = NetworkProfile(measured(3.0, 5.0), {"x": (0.1, 0.4)})
    slow_floats = NetworkProfile(measured(2.0, 6.0), {"x": (0.2, 0.3)})

    found = fastest([slow_integers, slow_floats])

    assert [one.nodes.whole_s for one in found.widths] == [2.0, 5.0]
    assert found.crossings == {"x": (0.1, 0.3)}


@pytest.mark.slow
@pytest.mark.skipif(not ROOT, reason="network namespaces need root and iproute2")
def test_each_kind_of_plan_is_measured_with_the_bytes_of_the_table(tmp_path):
    command = [sys.executable, EXPERIMENTS / "deployed.py", "--links", "1mbps,20mbps"]
    command += ["--answers", "6", "--out", tmp_path, "--work", tmp_path / "work"]

    subprocess.run(command, check=True, capture_output=True)

    with (tmp_path / "deployed.csv").open() as file:
        rows = {(one["link"], one["kind"]): one for one in csv.DictReader(file)}
    kinds = ("all-edge", "all-cloud", "all-cloud JPEG", "split")
    assert sorted(rows) == sorted((link, kind) for link in ("1mbps", "20mbps") for kind in kinds)
    for (_, kind), row in rows.items():
        if kind != "all-cloud JPEG":  # promised as a mean over other pictures
            assert float(row["sent_bytes"]) == float(row["table_bytes"])
        assert float(row["total_ms_median"]) > 0
    slow, fast = (float(rows[link, "all-cloud"]["link_ms_median"]) for link in ("1mbps", "20mbps"))
    assert slow > fast
    assert (tmp_path / "deployed.png").stat().st_size > 1000
    left = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    assert not [line for line in left.stdout.splitlines() if line.startswith(("edge-", "cloud-"))]
