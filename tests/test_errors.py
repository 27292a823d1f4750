"""Errors: one root, builtins beside it, and suggestions."""

import inspect

import pytest

from autosplit import errors
from autosplit.errors import AutoSplitError, counted, did_you_mean

LEAVES = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, AutoSplitError) and kind is not AutoSplitError
]
BUILTINS = (ValueError, RuntimeError, LookupError, ImportError)


@pytest.mark.parametrize("leaf", LEAVES)
def test_every_error_is_ours_and_a_builtin_too(leaf):
    assert issubclass(leaf, BUILTINS)
    assert leaf.__doc__


def test_there_are_errors_to_test():
    assert len(LEAVES) >= 10


def test_a_near_word_is_suggested():
    assert did_you_mean("3mpbs", ["1mbps", "3mbps", "lte"]) == ", did you mean '3mbps'?"


def test_a_far_word_lists_the_choices_in_order():
    assert did_you_mean("xyz", ["tpu_v1", "eyeriss"]) == ", choose from: eyeriss, tpu_v1"


def test_no_choices_are_said_to_be_none():
    assert did_you_mean("xyz", []) == ", there are none"


@pytest.mark.parametrize(
    ("count", "words", "text"),
    [
        (0, ("entry", "entries"), "0 entries"),
        (1, ("entry", "entries"), "1 entry"),
        (2, ("sample",), "2 samples"),
        (1234, ("sample",), "1,234 samples"),
    ],
)
def test_of_one_thing_the_word_is_in_the_singular(count, words, text):
    assert counted(count, *words) == text
