"""``--help``: panels by group, the options needed first, and no line too wide."""

import re

import pytest

from autosplit.cli.app import main


def shown(capsys, line, monkeypatch, columns=80):
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(line.split()) == 0
    return capsys.readouterr().out


def flags(text):
    return re.findall(r"^│ (--[\w-]+)", text, re.MULTILINE)


def panels(text):
    return re.findall(r"^╭─ (\w+)", text, re.MULTILINE)


def test_run_shows_the_ten_options_that_a_person_needs_first(capsys, monkeypatch):
    found = flags(shown(capsys, "run --help", monkeypatch))

    ten = "--model --weights --data --effort --edge --cloud --link --memory --max-drop --run"
    assert found == [*ten.split(), "--force", "--help-all", "--help"]


def test_help_all_shows_every_option_by_group(capsys, monkeypatch):
    text = shown(capsys, "run --help-all", monkeypatch)

    assert panels(text) == [
        *("Network", "Data", "Quantizer", "Search", "Limits", "Evaluation", "Output", "Help")
    ]
    assert len(flags(text)) > 35
    assert "[on|off|auto]" in text
    assert flags(shown(capsys, "run --help", monkeypatch)) != flags(text)


@pytest.mark.parametrize(("columns", "widest"), [(60, 60), (80, 80), (200, 100)])
def test_lines_fit_the_terminal(capsys, monkeypatch, columns, widest):
    text = shown(capsys, "search --help", monkeypatch, columns)

    assert max(map(len, text.splitlines())) == widest


def test_an_argument_and_what_must_be_given_are_named(capsys, monkeypatch):
    assert "│ FILE " in shown(capsys, "sweep --help", monkeypatch)
    assert panels(shown(capsys, "sweep --help", monkeypatch))[0] == "Arguments"
    assert "Required." in shown(capsys, "detect --help", monkeypatch)
