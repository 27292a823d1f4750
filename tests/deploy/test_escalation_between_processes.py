"""An escalation of a run folder, exported, served and run by two processes: what was promised."""

import csv
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from run_folders import step
from tiny import DATA, GIVEN

from autosplit.deploy.manifest import read_manifest
from autosplit.deploy.run import export_run
from autosplit.errors import DataError
from autosplit.escalation import threshold
from autosplit.escalation.escalation import read_escalation, write_escalation
from autosplit.evaluate.early_stop import divide_into_looks
from autosplit.runs.trust import trusted_code

ASKED = {"escalation": "margin", "escalation_risk": 50, "escalation_images": 8, "confidence": 0.5}


@pytest.fixture(scope="module")
def escalated(finished, tmp_path_factory):
    """A run folder with escalations, each promise of which was judged on four images.

    The margins of the untrained network are small; 0.01 lies between them.
    """
    place = tmp_path_factory.mktemp("escalated") / "tiny"
    shutil.copytree(finished.place, place)
    run = place / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setattr(threshold, "THRESHOLDS", (1.0, 0.01))
        trusted_code(None, GIVEN)
        there = SimpleNamespace(run=run, found={})
        step(there, "quantize", **ASKED)
        step(there, "collect", max_drop=None)
        for path in sorted((run / "escalation").glob("*.yaml")):
            there.found[path.stem] = read_escalation(path)
        yield there


def judged_images():
    """The images that chose no threshold: the last of the order in which all are run."""
    made = {}
    exec(DATA, made)
    images = np.concatenate([one.numpy() for one, _ in made["data"]()["evaluation"]])
    order = np.concatenate(divide_into_looks(len(images), 0))
    return images[order[ASKED["escalation_images"] :]]


def test_two_processes_keep_what_was_promised_on_the_same_images(escalated, tmp_path):
    found, bundle = escalated.found, tmp_path / "bundle"
    name = max(found, key=lambda one: found[one].sent.sent)
    promised = found[name].sent
    assert 0 < promised.share < 1
    export_run(escalated.run, name, bundle)
    np.save(tmp_path / "judged.npy", judged_images())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "autosplit"]
    served = [*command, "serve", str(bundle), "--port", port]
    with subprocess.Popen(served, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert name in server.stderr.readline()
            asked = ["--source", str(tmp_path / "judged.npy"), "--out", str(tmp_path / "t.csv")]
            asked += ["--server", f"http://127.0.0.1:{port}", "--audit", "1", "--plan", name]
            done = subprocess.run(
                [*command, "infer", str(bundle), *asked], capture_output=True, text=True, check=True
            )
        finally:
            server.terminate()

    rows = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    sizes = [int(row["sent_bytes"]) for row in rows]
    assert len(rows) == found[name].images == 4
    assert sum(size == 0 for size in sizes) / 4 == promised.share
    assert sum(sizes) / 4 == promised.mean
    kept = [float(row["confidence"]) >= found[name].threshold.value for row in rows]
    assert kept == [size == 0 for size in sizes]
    told = done.stdout.splitlines()
    assert (
        f"promised {100 * promised.share:.2f} %, measured {100 * promised.share:.2f} %" in told[5]
    )
    assert f"promised {promised.mean:,.1f}, measured {promised.mean:,.1f}" in told[5]
    assert told[6].startswith("mean ms: promised over 1mbps ")
    assert told[-1].startswith("audit: ")
    assert f" of {4 - sum(map(bool, sizes))} checked answers" in told[-1]


def test_the_manifest_promises_what_the_summary_does(escalated, tmp_path):
    rows = list(csv.DictReader((escalated.run / "summary_full.csv").read_text().splitlines()))
    name = next(iter(escalated.found))

    _, checked = export_run(escalated.run, f"{name},uniform8", tmp_path, check=12)
    plan, other = read_manifest(tmp_path).plans

    assert (plan.name, other.name) == (name, "uniform8")
    about = escalated.found[name]
    assert plan.rule.threshold == about.threshold.value
    assert plan.predicted["edge_share"] == about.sent.share
    for row in rows:
        if row["name"] == name:
            parts = plan.predicted["links"][row["link"]]
            assert sum(parts.values()) == pytest.approx(1e3 * float(row["latency_s"]))
            assert plan.predicted["edge_memory_bytes"] == int(row["edge_memory_bytes"])
    assert other.rule is None
    assert checked["uniform8"].samples == 12
    if about.input_coding is None:
        assert checked[name].different == 0
        assert checked[name].answers == 12


def test_a_score_of_boxes_is_refused_before_any_work(escalated, tmp_path):
    name, one = next(iter(escalated.found.items()))
    path = escalated.run / "escalation" / f"{name}.yaml"
    write_escalation(path, replace(one, score="lowest-box"))
    with pytest.raises(DataError, match=f"export: {name}: the score lowest-box needs boxes"):
        export_run(escalated.run, name, tmp_path / "out")
    write_escalation(path, one)
    assert not (tmp_path / "out").exists()
