"""Plans of a run folder as a bundle: the pick, some by name, and what the check says."""

import pytest

from autosplit.deploy.manifest import read_manifest
from autosplit.deploy.run import export_run
from autosplit.errors import PlanError, StageError
from autosplit.runs.plans import picked


def test_the_pick_and_a_named_plan_are_exported_and_agree(finished, tmp_path, monkeypatch):
    monkeypatch.chdir(finished.place)

    manifest, _ = export_run(finished.place / "run", "pick", tmp_path / "pick")
    named, found = export_run(finished.place / "run", "uniform8", tmp_path / "named", check=12)

    assert [plan.name for plan in manifest.plans] == [picked(finished.place / "run")]
    assert manifest == read_manifest(tmp_path / "pick")
    assert manifest.task == "classification"
    assert [plan.name for plan in named.plans] == ["uniform8"]
    assert found["uniform8"].samples == found["uniform8"].answers == 12


def test_what_is_not_there_is_told_before_any_work(finished, tmp_path, monkeypatch):
    monkeypatch.chdir(finished.place)
    with pytest.raises(PlanError, match="no plan 'uniform9', did you mean 'uniform8'"):
        export_run(finished.place / "run", "uniform9", tmp_path / "out")
    with pytest.raises(StageError, match="stats"):
        export_run(tmp_path, "pick", tmp_path / "out")
    assert not (tmp_path / "out").exists()
