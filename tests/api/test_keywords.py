"""Keywords of the interface's functions are the declared options, with their defaults."""

import inspect

import pytest

from autosplit.api.keywords import read_keywords, takes_options
from autosplit.errors import OptionError
from autosplit.runs.options import SearchOptions


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
