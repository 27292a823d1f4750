"""Library calls that only note how they are called."""

from types import SimpleNamespace

import pytest

from autosplit.runs.stages.frame import Outcome, Stage


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """Stages that note their name, run folder, options and force."""
    monkeypatch.chdir(tmp_path)
    noted = []

    def stage(one, folder, given, *, force, progress):
        noted.append((one.name, str(folder), dict(given), force))
        return Outcome(one.name, False, f"{one.name} done")

    def run(folder, given, *, force, progress):
        noted.append(("run", str(folder), dict(given), force))
        return iter([Outcome("collect", False, "all done")])

    def sweep(file, out, where, *, force, trust, progress):
        noted.append(("sweep", str(file), str(out), where, force, trust))
        return SimpleNamespace(text="swept", table="t.csv", figure=None)

    def emit(folder, name, form):
        noted.append(("emit", str(folder), name, form))
        return "a plan\n"

    monkeypatch.setattr(Stage, "run", stage)
    monkeypatch.setattr("autosplit.runs.stages.run.run", run)
    monkeypatch.setattr("autosplit.sweep.run.run_sweep", sweep)
    monkeypatch.setattr("autosplit.runs.plans.emit_plan", emit)
    return noted
