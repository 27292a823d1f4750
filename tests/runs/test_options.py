"""The options of every command: each says what it is, and defaults are allowed values."""

import re

import pytest

from autosplit.runs.option import GROUPS, options_of
from autosplit.runs.options import OPTIONS, SIDE_OPTIONS, options_of_run, plain

EVERY = [(stage, one) for stage, record in OPTIONS.items() for one in options_of(record)]
OF_COMMANDS = [(name, one) for name, record in SIDE_OPTIONS.items() for one in options_of(record)]


@pytest.mark.parametrize(("stage", "one"), EVERY, ids=[f"{s} {one.name}" for s, one in EVERY])
def test_each_option_says_what_it_is_in_a_sentence(stage, one):
    assert re.fullmatch(r"[A-Z].*\.", one.help)
    assert one.group in GROUPS
    assert not re.search(r"\d$|\.$", one.none)
    assert plain(OPTIONS[stage]())[one.name] == (
        list(one.default) if isinstance(one.default, tuple) else one.default
    )


@pytest.mark.parametrize("each", OF_COMMANDS, ids=[f"{s} {one.name}" for s, one in OF_COMMANDS])
def test_an_option_of_another_command_says_what_it_is_and_what_holds_without_it(each):
    _, one = each
    assert re.fullmatch(r"[A-Z].*\.", one.help)
    assert one.group in GROUPS
    assert one.required or one.default is not None or one.none
    plain_help = one.required or one.kind.alone
    assert one.described == one.help if plain_help else "(default: " in one.described


@pytest.mark.parametrize(("stage", "one"), EVERY, ids=[f"{s} {one.name}" for s, one in EVERY])
def test_a_default_that_is_written_out_is_read_back(stage, one):
    if one.default is not None and not one.kind.alone and not one.kind.repeated:
        assert one.read(one.kind.show(one.default)) == one.default


def test_the_command_run_has_the_options_of_all_stages_once():
    names = [one.name for one in options_of_run()]

    assert len(names) == len(set(names))
    assert set(names) == {one.name for _, one in EVERY} - {"finished", "link"}
    assert {one.name: one.default for one in options_of_run()}["max_drop"] == 1.0


def test_a_person_needs_ten_options_first():
    """Beside these nine there is --out."""
    first = [one.flag for one in options_of_run() if one.first]
    assert first == (
        "--model --weights --data --edge --cloud --link --memory --effort --max-drop".split()
    )
