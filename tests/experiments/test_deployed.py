"""Plans over a real link: the script that prints what was promised beside what was measured."""

import csv
import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
    shaped_s = importlib.import_module("deployed").shaped_s

    assert shaped_s(up_s, down_s, rest_s, 0.012) == pytest.approx(crossing_s)


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
