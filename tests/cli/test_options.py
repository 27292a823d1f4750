"""From declared options to a command's parameters and back."""

import inspect

import pytest

from autosplit.cli.options import (
    network_options,
    read_values,
    side_options,
    stage_options,
    with_options,
)
from autosplit.errors import OptionError


def call(here: int = 3, force: bool = False, **given):
    """Do it."""
    NOTED.append((here, force, given))


NOTED = []
FORCE = next(one for one in side_options("sweep") if one.name == "force")
KNOWN = (*network_options(), FORCE)


def test_a_command_has_own_parameters_then_declared_ones_by_group():
    command = with_options(call, KNOWN)

    assert command.__doc__ == "Do it."
    assert list(inspect.signature(command).parameters) == [
        *("here", "model", "weights", "checkpoint", "input_size", "decode", "names"),
        *("mean", "std", "channels", "preprocess", "seed", "force"),
    ]


def test_a_command_passes_on_what_is_given():
    NOTED.clear()
    values = dict.fromkeys([one.name for one in KNOWN])
    with_options(call, KNOWN)(here=5, **values | {"seed": "7", "weights": "none", "force": True})

    assert NOTED == [(5, True, {"seed": 7, "weights": None})]


def test_repeated_options_are_a_list_and_none_clears_it():
    known = stage_options("search")

    assert read_values({"pins": ["a:weight=8", "b:weight=2"]}, known) == {
        "pins": ("a:weight=8", "b:weight=2")
    }
    assert read_values({"pins": ["none"]}, known) == {"pins": ()}
    assert read_values({"pins": None}, known) == {}


def test_an_error_names_the_flag():
    with pytest.raises(OptionError, match=r"^--seed: must be a whole number .*, got 'x'"):
        read_values({"seed": "x"}, KNOWN)


@pytest.mark.parametrize(
    ("stage", "has"), [("run", True), ("search", True), ("stats", False), ("latency", False)]
)
def test_pins_may_be_in_a_file_where_there_are_pins(stage, has):
    assert ("--pins-file" in [one.flag for one in stage_options(stage)]) is has


def test_an_option_that_must_be_given_is_a_parameter_without_a_default():
    parameters = inspect.signature(with_options(call, side_options("infer"))).parameters

    assert parameters["source"].default is inspect.Parameter.empty
    assert parameters["server"].default is None
