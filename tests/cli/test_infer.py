"""The command ``infer`` is one library call, and prints its lines."""

from pathlib import Path

import autosplit.deploy.infer
from autosplit.cli.app import main


def test_it_passes_what_was_asked_and_prints_lines(monkeypatch, capsys, tmp_path):
    asked = []

    def infer_sources(*given, ahead):
        asked.append((*given, ahead))
        yield "first"
        yield "second"

    monkeypatch.setattr(autosplit.deploy.infer, "infer_sources", infer_sources)

    (tmp_path / "token").write_text("t" * 20 + "\n")
    command = "infer b --source x.png --server http://h:1 --plan p --out t.csv --token-file"
    assert main([*command.split(), str(tmp_path / "token")]) == 0

    ((bundle, source, connection, plan, out, deadline_s, audit, ahead),) = asked
    assert deadline_s is audit is None
    assert ahead is True
    assert (bundle, source, plan, out) == (Path("b"), Path("x.png"), "p", Path("t.csv"))
    assert (connection.server, connection.token) == ("http://h:1", "t" * 20)
    assert capsys.readouterr().out == "first\nsecond\n"


def test_the_audit_has_its_share_and_floor(monkeypatch):
    asked = []
    monkeypatch.setattr(
        autosplit.deploy.infer,
        "infer_sources",
        lambda *given, ahead: asked.append((given[-1], ahead)) or [],
    )

    assert main("infer b --source x.png --audit 0.05 --audit-floor 0.9 --ahead off".split()) == 0

    ((audit, ahead),) = asked
    assert ahead is False
    assert (audit.share, audit.floor) == (0.05, 0.9)


def test_a_floor_needs_an_audit(capsys):
    assert main("infer b --source x.png --audit-floor 0.9".split()) == 2
    assert "--audit-floor: needs --audit" in capsys.readouterr().err
    assert main("infer b --source x.png --audit 5".split()) == 2
    assert "--audit: must be a number from 0 to 1" in capsys.readouterr().err
