"""The command ``infer`` is one library call, and prints its lines."""

from pathlib import Path

import autosplit.deploy.infer
from autosplit.cli.app import main


def test_it_passes_what_was_asked_and_prints_lines(monkeypatch, capsys, tmp_path):
    asked = []

    def infer_sources(*given):
        asked.append(given)
        yield "first"
        yield "second"

    monkeypatch.setattr(autosplit.deploy.infer, "infer_sources", infer_sources)

    (tmp_path / "token").write_text("t" * 20 + "\n")
    command = "infer b --source x.png --server http://h:1 --plan p --out t.csv --token-file"
    assert main([*command.split(), str(tmp_path / "token")]) == 0

    ((bundle, source, connection, plan, out, deadline_s),) = asked
    assert deadline_s is None
    assert (bundle, source, plan, out) == (Path("b"), Path("x.png"), "p", Path("t.csv"))
    assert (connection.server, connection.token) == ("http://h:1", "t" * 20)
    assert capsys.readouterr().out == "first\nsecond\n"


def test_a_deadline_needs_plans_to_move_along(capsys):
    assert main("infer b --source x.png --deadline 20ms --plan p".split()) == 2

    assert "--deadline: needs --plan auto" in capsys.readouterr().err
