"""The command ``report`` is one library call, and says what was written."""

from pathlib import Path

import autosplit.runs.viewing
from autosplit.cli.app import main


def test_it_passes_the_run_the_page_and_the_table_of_answers(monkeypatch, capsys):
    asked = []

    def write_page(folder, out, measured):
        asked.append((folder, out, measured))
        return 1234

    monkeypatch.setattr(autosplit.runs.viewing, "write_page", write_page)

    assert main(["report", "r", "--out", "p.html", "--measured", "a.csv"]) == 0

    assert asked == [(Path("r"), Path("p.html"), Path("a.csv"))]
    assert capsys.readouterr().out == "page: p.html, 1,234 bytes\n"
