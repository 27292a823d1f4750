"""One search of a sweep."""

import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from autosplit.hardware.prediction import Prediction
from autosplit.plan.plan import Plan
from autosplit.stats.stats import Stats
from autosplit.sweep import run as sweep
from autosplit.sweep.file import read_sweep_file
from autosplit.sweep.job import do_job, pick_of, rows_of


def plan(name, latency_s, distortion, memory=0, method="m"):
    seconds = {"a": Prediction(latency_s, 0.0, 0.0), "b": Prediction(2 * latency_s, 0.0, 0.0)}
    return Plan(name, method, (), {}, {}, distortion, 0.0, memory, 0, seconds)


@pytest.mark.parametrize(
    ("plans", "most", "expected"),
    [
        ([plan("slow", 2, 0.1), plan("fast", 1, 0.2), plan("other", 0, 0, method="n")], 1, "fast"),
        ([plan("slow", 2, 0.1), plan("harmful", 1, 0.2)], 0.1, "slow"),
        ([plan("slow", 2, 0.1), plan("harmful", 1, 0.2)], None, "harmful"),
        ([plan("slow", 2, 0.1), plan("large", 1, 0.1, 101)], 1, "slow"),
        ([plan("more", 2, 0.2), plan("mild", 3, 0.1), plan("large", 1, 0.05, 101)], 0.01, "mild"),
        ([plan("large", 1, 0.2, 101), plan("larger", 2, 0.1, 102)], 1, "larger"),
        ([plan("z", 1, 0.1), plan("y", 1, 0.1)], 1, "y"),
        ([plan("z", 1, 0.1), plan("y", 1, 0.1, 1)], 1, "z"),
        ([plan("m-a", 2, 0.1), plan("m-b", 1, 0.1)], 1, "m-a"),
        ([plan("other", 1, 0.1, method="n")], 1, None),
    ],
)
def test_the_plan_that_stands_for_a_method(plans, most, expected):
    problem = SimpleNamespace(fits=lambda memory: memory <= 100)

    got = pick_of("m", plans, "a", problem, most)

    assert (got and got.name) == expected


def test_a_search_imports_no_torch(place):
    code = """
import sys
from pathlib import Path
from autosplit.sweep.run import list_jobs
from autosplit.sweep.file import read_sweep_file
from autosplit.sweep.job import do_job
done = [do_job(task) for task in list_jobs(read_sweep_file(Path("tiny.yaml")), Path("tiny"))]
print([len(one.rows) for one in done], "torch" in sys.modules)
"""
    got = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert got.stdout == "[8, 8, 8, 8] False\n"


def test_a_worker_of_another_version_refuses(place):
    (task, *_) = sweep.list_jobs(read_sweep_file(place / "tiny.yaml"), place / "tiny")
    got = do_job(replace(task, version="0.0.0"))
    assert not got.rows
    assert "must have autosplit 0.0.0, has " in got.error


def test_coded_bytes_are_searched_and_are_part_of_the_name_of_a_job(place):
    asked = read_sweep_file(place / "tiny.yaml")
    (packed, *_) = sweep.list_jobs(asked, place / "tiny")
    one = dict.fromkeys(((name, bits) for name in packed.graph.tensors for bits in range(1, 9)), 1)
    coded = replace(packed, coded=one)

    slow, fast = rows_of(packed), rows_of(coded)

    assert packed.key != coded.key
    assert all(b["latency_s"] <= a["latency_s"] + 1e-12 for a, b in zip(slow, fast, strict=True))
    assert any(b["latency_s"] < a["latency_s"] for a, b in zip(slow, fast, strict=True))


@pytest.mark.parametrize("coding", ["packed", "entropy"])
def test_the_coding_of_a_sweep_is_that_of_its_file(place, coding, monkeypatch):
    monkeypatch.setattr(Stats, "sent", lambda stats, coding: {("x", 8): len(coding)})
    asked = replace(read_sweep_file(place / "tiny.yaml"), coding=coding)

    jobs = sweep.list_jobs(asked, place / "tiny")

    assert {job.coded["x", 8] for job in jobs} == {len(coding)}
