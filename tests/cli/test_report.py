"""The command ``report`` is one library call, and says what was written."""

from pathlib import Path

import autosplit.runs.viewing
from autosplit.cli.app import main


def test_it_passes_the_run_the_page_and_the_table_of_answers(monkeypatch, capsys):
    asked = []

    def write_page(*about):
        asked.append(about)
        return 1234

    monkeypatch.setattr(autosplit.runs.viewing, "write_page", write_page)

    given = ["--out", "p.html", "--measured", "a.csv", "--pictures", "boxes"]
    assert main(["report", "r", *given]) == 0

    assert asked == [(Path("r"), Path("p.html"), Path("a.csv"), Path("boxes"))]
    assert capsys.readouterr().out == "page: p.html, 1,234 bytes\n"


def test_a_sweep_file_gives_the_page_of_the_sweep(monkeypatch, capsys, tmp_path):
    asked = []
    monkeypatch.setattr(
        "autosplit.sweep.page.write_sweep_page", lambda *about: asked.append(about) or 99
    )
    file = tmp_path / "s.yaml"
    file.write_text("schema: autosplit/sweep/1\n")

    assert main(["report", str(file), "--out", "p.html"]) == 0
    assert asked == [(file, Path("p.html"))]
    assert capsys.readouterr().out == "page: p.html, 99 bytes\n"
    assert main(["report", str(file), "--measured", "a.csv"]) == 2
    assert "--measured: is for the page of a run folder" in capsys.readouterr().err
