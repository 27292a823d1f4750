"""Pins as texts and as files."""

import pytest

from autosplit.errors import FileError, PlanError
from autosplit.plan.pins import Pin, parse_pin, read_pins


@pytest.mark.parametrize(
    "text", ["a", "a:weight", "a:wieght=8", ":weight=8", "a:weight=8.5", "a:weight=-2"]
)
def test_what_is_no_pin_is_refused(text):
    with pytest.raises(PlanError, match="pin: must be PATTERN:weight=BITS"):
        parse_pin(text)


def test_a_pattern_may_hold_a_colon():
    assert parse_pin("a:b:activation=4") == Pin("a:b", "activation", 4)


def test_a_file_is_read_as_its_pins(tmp_path):
    path = tmp_path / "pins.yaml"
    path.write_text("pins: {'features.0.*': {weight: 8, activation: 6}, b: {weight: 2}}")

    assert read_pins(path) == (
        "features.0.*:weight=8",
        "features.0.*:activation=6",
        "b:weight=2",
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{}", "missing key 'pins'"),
        ("pins: 3", "pins: must be a mapping, got 3"),
        ("pins: {a: {wieght: 8}}", "unknown key 'wieght', did you mean 'weight'"),
        ("pins: {a: {weight: x}}", "weight: must be a whole number of bits, got 'x'"),
        ("pins: {a: 8}", "a: must be a mapping, got int"),
    ],
)
def test_a_file_that_says_something_else_is_refused(tmp_path, text, problem):
    path = tmp_path / "pins.yaml"
    path.write_text(text)

    with pytest.raises(FileError, match=problem):
        read_pins(path)


def test_a_pin_is_written_as_it_is_read():
    assert str(parse_pin("features.*:activation=4")) == "features.*:activation=4"
