"""The command ``infer`` is one library call, and prints its lines."""

from pathlib import Path

import autosplit.deploy.infer
from autosplit.cli.app import main


def test_it_passes_what_was_asked_and_prints_lines(monkeypatch, capsys):
    asked = []

    def infer_sources(*given):
        asked.append(given)
        yield "first"
        yield "second"

    monkeypatch.setattr(autosplit.deploy.infer, "infer_sources", infer_sources)

    assert main("infer b --source x.png --server http://h:1 --plan p --out t.csv".split()) == 0

    assert asked == [(Path("b"), Path("x.png"), "http://h:1", "p", Path("t.csv"))]
    assert capsys.readouterr().out == "first\nsecond\n"
