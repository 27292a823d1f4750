"""The command ``export`` is one library call, and prints what was written."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import autosplit.deploy.run
import autosplit.runs.trust
from autosplit.cli.app import main
from autosplit.deploy.check import Compared
from autosplit.deploy.manifest import BundledPlan
from autosplit.halves.wire.layout import WireLayout, WireTensor


def test_it_prints_each_file_with_its_size_and_the_check(tmp_path, monkeypatch, capsys):
    asked = []

    def export_run(run, plan, out, check, progress, forms):
        asked.append((str(run), plan, out.name, check, forms))
        (out / "edge").mkdir(parents=True)
        (out / "edge" / "p.onnx").write_bytes(b"x" * 1234)
        wire = WireLayout((WireTensor("x", (4,), 8),))
        predicted = {"edge_bytes": 1000, "sent_bytes": 4}
        plan = BundledPlan("p", "edge/p.onnx", None, wire, {}, predicted)
        return SimpleNamespace(plans=[plan]), {"p": Compared(1, 4, 0, 1, 0.0, [4])}

    monkeypatch.setattr(autosplit.deploy.run, "export_run", export_run)
    monkeypatch.setattr(autosplit.runs.trust, "trusted_code", lambda *_, **__: {})

    assert main(["export", "r", "--plan", "p", "--out", str(tmp_path / "b"), "--check", "9"]) == 0

    assert asked == [("r", "p", "b", 9, ("onnx",))]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("p: 0 of 4 integers differ from the reference; 1 of 1 answers agree")
    assert [line.split() for line in lines[1:-1]] == [
        ["bytes", "predicted", "real", "at", "most"],
        ["p:", "edge", "half", "1,000", "1,234", "61,030"],
        ["p:", "a", "sample", "on", "the", "wire", "4", "4"],
    ]

    shutil.rmtree(tmp_path / "b")
    assert main(["export", "r", "--plan", "p", "--out", str(tmp_path / "b"), "--check", "all"]) == 0
    assert asked[1] == ("r", "p", "b", 0, ("onnx",))
    capsys.readouterr()
    assert main(["export", "r", "--format", "pt2,c", "--check", "9"]) == 2
    assert "--check: needs --format onnx" in capsys.readouterr().err


def test_a_kit_needs_no_run(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr("autosplit.deploy.kit.write_kit", lambda out, _: asked.append(out))

    assert main(["export", "--profile-kit"]) == 0
    assert main(["export", "--profile-kit", "--out", "k"]) == 0
    assert main(["export", "run", "--profile-kit"]) == 2

    assert asked == [Path("kit"), Path("k")]
    assert "--profile-kit: is of no run" in capsys.readouterr().err
