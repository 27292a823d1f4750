"""The names to choose from are those of the registries."""

from typing import get_args

from autosplit.distortion.metrics import METRICS
from autosplit.finish.effort import EFFORTS, Rounding
from autosplit.grid.clipping import CLIPPING
from autosplit.grid.grid import DEFAULT_WIDTHS
from autosplit.halves.wire.layout import WIDTHS_OF
from autosplit.runs.declared import choices
from autosplit.search.methods import ALL, METHODS
from autosplit.sweep.backends import BACKENDS


def test_names_to_choose_from_are_those_that_there_are():
    assert set(choices.METHOD_NAMES) == set(METHODS)
    assert choices.ALL_METHODS == ALL
    assert choices.USUAL_WIDTHS == DEFAULT_WIDTHS
    assert set(choices.CLIPPING_NAMES) == set(CLIPPING)
    assert set(choices.METRIC_NAMES) == set(METRICS)
    assert set(choices.EFFORT_NAMES) == set(EFFORTS)
    assert ("auto", *get_args(Rounding)) == choices.ROUNDING_NAMES
    assert {"none", "jpeg", *choices.CODING_NAMES} == set(WIDTHS_OF)
    assert set(choices.BACKEND_NAMES) == set(BACKENDS)


def test_the_methods_of_a_run_are_methods():
    assert set(choices.USUAL_METHODS) <= set(choices.METHOD_NAMES)
