"""The command ``export`` is one library call, and prints what was written."""

from types import SimpleNamespace

import autosplit.deploy.run
import autosplit.runs.trust
from autosplit.cli.app import main


def test_it_prints_each_file_with_its_size_and_the_check(tmp_path, monkeypatch, capsys):
    asked = []

    def export_run(run, plan, out, check, progress):
        asked.append((str(run), plan, out.name, check))
        (out / "edge").mkdir(parents=True)
        (out / "edge" / "p.onnx").write_bytes(b"x" * 1234)
        plan = SimpleNamespace(name="p", edge="edge/p.onnx", cloud=None)
        return SimpleNamespace(plans=[plan]), {"p": "all agree"}

    monkeypatch.setattr(autosplit.deploy.run, "export_run", export_run)
    monkeypatch.setattr(autosplit.runs.trust, "trusted_code", lambda *_, **__: {})

    assert main(["export", "r", "--plan", "p", "--out", str(tmp_path / "b"), "--check", "9"]) == 0

    assert asked == [("r", "p", "b", 9)]
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["p: edge/p.onnx 1,234 bytes", "  check: all agree"]
