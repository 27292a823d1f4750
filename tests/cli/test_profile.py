"""The command ``profile`` is one library call, and says what was measured."""

from pathlib import Path

import autosplit.deploy.profile
import autosplit.runs.trust
from autosplit.cli.app import main
from autosplit.deploy.profile import NetworkProfile

MEASURED = NetworkProfile((), {"x": (0.001, 0.002)})


def test_it_passes_the_run_the_threads_and_the_file(monkeypatch, capsys):
    asked = []

    def profiled(*given):
        asked.append(given)
        return MEASURED

    monkeypatch.setattr(autosplit.deploy.profile, "profile_run", profiled)
    monkeypatch.setattr(autosplit.runs.trust, "trusted_code", lambda *_, **__: {})

    assert main(["profile", "--run", "r", "--threads", "2", "--out", "d.yaml"]) == 0

    assert asked == [(Path("r"), 2, Path("d.yaml"))]
    assert capsys.readouterr().out.splitlines()[-1] == "profile: d.yaml"


def test_another_runtime_is_refused(capsys):
    assert main(["profile", "--runtime", "tflite"]) == 2
    assert "onnxruntime" in capsys.readouterr().err
