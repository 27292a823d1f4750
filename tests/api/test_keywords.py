"""Keywords of the interface's functions are the declared options, with their defaults."""

import inspect

import pytest

import autosplit
from autosplit.api.keywords import read_keywords, takes_options
from autosplit.errors import OptionError
from autosplit.runs.option import options_of
from autosplit.runs.options import QuantizeOptions, SearchOptions, StatsOptions


@takes_options(SearchOptions, "front", "max_latency_s")
def find(problem, **options):
    """Take two options of the search."""
    return problem, options


def test_a_function_shows_its_options_with_their_defaults():
    shown = inspect.signature(find).parameters

    assert list(shown) == ["problem", "front", "max_latency_s"]
    assert shown["front"].default == SearchOptions().front
    assert shown["front"].kind is inspect.Parameter.KEYWORD_ONLY


def test_what_is_given_is_in_the_record_and_the_rest_is_the_default():
    found = read_keywords(SearchOptions, find, {"front": 3})

    assert found == SearchOptions(front=3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"frnt": 3}, "find: unknown option 'frnt', did you mean 'front'"),
        ({"cuts": "useful"}, "find: unknown option 'cuts'"),
        ({"front": 1}, "front: must be a whole number"),
    ],
)
def test_an_option_of_another_name_or_value_is_refused(options, words):
    with pytest.raises(OptionError, match=words):
        read_keywords(SearchOptions, find, options)


DECLARED = {
    word: one.default
    for record in (StatsOptions, SearchOptions, QuantizeOptions)
    for one in options_of(record)
    for word in (one.key, one.name)
}


@pytest.mark.parametrize(
    "name", ["capture", "measure", "Problem", "search", "evaluate", "load_model", "load_data"]
)
def test_a_keyword_that_is_an_option_has_the_default_of_the_option(name):
    function = getattr(autosplit, name)
    made = function.__new__ if name == "Problem" else function
    parameters = inspect.signature(made).parameters.values()

    shared = [one for one in parameters if one.default is not one.empty and one.name in DECLARED]

    assert {one.name: one.default for one in shared} == {
        one.name: DECLARED[one.name] for one in shared
    }
