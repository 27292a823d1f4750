"""A wrong command line: one sentence for each kind, and the command to ask for help."""

import pytest

from autosplit.cli.app import main

CASES = {
    "detect": "autosplit detect: --source PATH and --out FOLDER must be given.",
    "detect --out o": "autosplit detect: --source PATH must be given.",
    "infer": "autosplit infer: BUNDLE and --source PATH must be given.",
    "infer b": "autosplit infer: --source PATH must be given.",
    "anchors --seed 1": "autosplit anchors: --data DATA must be given.",
    "sweep": "autosplit sweep: FILE must be given.",
    "serve": "autosplit serve: BUNDLE must be given.",
    "search --linc 3mbps": "--linc: must be an option of autosplit search, did you mean '--link'?",
    "search --zzz": "--zzz: must be an option of autosplit search.",
    "detect --source": "--source: must be followed by a value, but nothing follows.",
    "run extra": (
        "autosplit run: must have no more arguments, got 'extra'; an option begins with --."
    ),
    "serch": "serch: must be a command of autosplit, did you mean 'search'?",
}


@pytest.mark.parametrize(("line", "text"), CASES.items(), ids=CASES)
def test_a_wrong_command_line_says_what_must_hold_and_where_help_is(capsys, line, text):
    assert main(line.split()) == 2

    command = line.split()[0]
    path = "autosplit" if command == "serch" else f"autosplit {command}"
    assert capsys.readouterr() == ("", f"autosplit: error: {text} See: {path} --help\n")


def test_the_command_is_also_found_where_the_program_was_called(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["autosplit", "search", "--link"])

    assert main() == 2
    assert "See: autosplit search --help" in capsys.readouterr().err
