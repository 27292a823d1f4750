"""The options of the stages: names are those of the registries, defaults are allowed values."""

import re
from typing import get_args

import pytest

from autosplit.distortion.metrics import METRICS
from autosplit.errors import OptionError
from autosplit.finish.effort import EFFORTS, Rounding
from autosplit.grid.clipping import CLIPPING
from autosplit.grid.grid import DEFAULT_WIDTHS
from autosplit.halves.wire.layout import WIDTHS_OF
from autosplit.runs import options
from autosplit.runs.option import GROUPS, options_of
from autosplit.runs.options import (
    OPTIONS,
    SIDE_OPTIONS,
    SearchOptions,
    options_of_run,
    plain,
)
from autosplit.search.methods import ALL, METHODS
from autosplit.sweep.backends import BACKENDS

EVERY = [(stage, one) for stage, record in OPTIONS.items() for one in options_of(record)]
OF_COMMANDS = [(name, one) for name, record in SIDE_OPTIONS.items() for one in options_of(record)]


def test_names_to_choose_from_are_those_that_there_are():
    assert set(options.METHOD_NAMES) == set(METHODS)
    assert options.ALL_METHODS == ALL
    assert options.USUAL_WIDTHS == DEFAULT_WIDTHS
    assert set(options.CLIPPING_NAMES) == set(CLIPPING)
    assert set(options.METRIC_NAMES) == set(METRICS)
    assert set(options.EFFORT_NAMES) == set(EFFORTS)
    assert ("auto", *get_args(Rounding)) == options.ROUNDING_NAMES
    assert {"none", "jpeg", *options.CODING_NAMES} == set(WIDTHS_OF)
    assert set(options.BACKEND_NAMES) == set(BACKENDS)


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
    assert one.described == one.help if one.required else "(default: " in one.described


def test_parallel_work_is_one_option_in_every_command():
    (quantize,) = (one for one in options_of(OPTIONS["quantize"]) if one.name == "jobs")
    (sweep,) = (one for one in options_of(SIDE_OPTIONS["sweep"]) if one.name == "jobs")
    assert quantize == sweep or (quantize.help, quantize.flag) == (sweep.help, sweep.flag)


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


class TestSearch:
    @pytest.mark.parametrize(
        "limit",
        [
            "max_weight_bits",
            "max_activation_bits",
            "max_bops",
            "max_latency_s",
            "max_distortion",
        ],
    )
    def test_useful_cuts_answer_a_limit(self, limit):
        assert SearchOptions(cuts="useful", **{limit: 0}).cuts == "useful"
        with pytest.raises(OptionError, match="cuts: useful cuts need a limit, which must be"):
            SearchOptions(cuts="useful", memory_bytes=5)

    @pytest.mark.parametrize("front", [1, 0, -2])
    def test_a_front_has_at_least_two_plans(self, front):
        with pytest.raises(OptionError, match="front: must be a whole number of at least 2"):
            SearchOptions(front=front)
