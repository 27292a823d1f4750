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

    ((bundle, source, connection, plan, out),) = asked
    assert (bundle, source, plan, out) == (Path("b"), Path("x.png"), "p", Path("t.csv"))
    assert (connection.server, connection.token) == ("http://h:1", "t" * 20)
    assert capsys.readouterr().out == "first\nsecond\n"
