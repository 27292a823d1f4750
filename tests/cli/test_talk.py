"""What is said beside results: on stderr, one line each."""

import warnings

import pytest

from autosplit.cli.talk import bar, one_line, say, say_error, saying_warnings
from autosplit.errors import AutoSplitWarning


def test_talk_and_errors_go_to_stderr(capsys):
    say("stats: done")
    say_error("first\n  second\n\n")

    assert capsys.readouterr() == ("", "stats: done\nautosplit: error: first; second\n")


def test_an_error_does_not_repeat_what_a_warning_said(capsys):
    say_error("net: must hold; look at a; --force", ["net: must hold; look at a"])
    say_error("net: has 2; look at a; --force", ["net: has 1; look at a"])
    say_error("net: has 2; look at a", ["other: has 1"])

    assert capsys.readouterr().err.splitlines() == [
        "autosplit: error: net: is refused, as the warning says; --force",
        "autosplit: error: net: has 2; --force",
        "autosplit: error: net: has 2; look at a",
    ]


def test_lines_are_joined_without_their_space():
    assert one_line("  a\n\n\tb  \nc") == "a; b; c"


def test_warnings_of_ours_are_talk_and_the_rest_as_ever(capsys):
    def warn_of_both():
        with saying_warnings():
            for _ in range(2):  # a run may meet the same twice, in two stages
                warnings.warn("of ours\nmore", AutoSplitWarning, stacklevel=1)
            warnings.warn("of others", FutureWarning, stacklevel=1)

    with pytest.warns(FutureWarning, match="of others"):
        warn_of_both()

    assert capsys.readouterr().err == "autosplit: warning: of ours; more\n"


def test_a_bar_is_shown_on_a_terminal_alone(capsys):
    with bar("work", 2) as advance:
        advance(1)

    assert capsys.readouterr() == ("", "")
