"""One declaration of an option: read, checked, and described."""

from dataclasses import dataclass

import pytest

from autosplit.errors import OptionError
from autosplit.runs import kinds
from autosplit.runs.option import (
    check_values,
    option,
    options_of,
    read_given,
)


@dataclass(frozen=True, slots=True)
class Toy:
    colour: str = option("red", kinds.choice("red", "blue"), "network", "Colour of it.", first=True)
    room_bytes: int | None = option(None, kinds.size(), "limits", "Room at most.", none="no limit")
    rest_s: float | None = option(0.5, kinds.milliseconds(), "limits", "Rest.", none="no rest")
    level: str = option("none", kinds.choice("none", "high"), "search", "How high.")
    marks: tuple[str, ...] = option((), kinds.pins(), "search", "Marks.", flag="--mark")
    now: bool = option(False, kinds.flag(), "output", "Now.")

    def __post_init__(self) -> None:
        check_values(self)


KNOWN = options_of(Toy)
BY_NAME = {one.name: one for one in KNOWN}


def test_the_flag_is_the_name_without_its_unit_unless_told_otherwise():
    assert [one.flag for one in KNOWN] == [
        *("--colour", "--room", "--rest", "--level", "--mark", "--now")
    ]
    assert [one.name for one in KNOWN if one.first] == ["colour"]


class TestRead:
    def test_a_key_without_a_unit_is_as_written_and_one_with_a_unit_is_in_it(self):
        assert read_given({"rest": 20, "room": "4KiB"}, KNOWN) == {
            "rest_s": 0.02,
            "room_bytes": 4096,
        }
        assert read_given({"rest_s": 20, "room_bytes": 7}, KNOWN) == {
            "rest_s": 20.0,
            "room_bytes": 7,
        }
        assert read_given({"rest_s": "20ms"}, KNOWN) == {"rest_s": 0.02}

    @pytest.mark.parametrize("written", [None, "none", "NONE", " none "])
    def test_none_is_no_limit_and_zero_is_one(self, written):
        assert read_given({"room": written}, KNOWN) == {"room_bytes": None}
        assert read_given({"room": "0", "rest_s": 0}, KNOWN) == {"room_bytes": 0, "rest_s": 0.0}

    def test_none_may_be_a_name(self):
        assert read_given({"level": "none"}, KNOWN) == {"level": "none"}

    def test_none_where_there_must_be_a_value_is_refused(self):
        with pytest.raises(OptionError, match="colour: must have a value, got none"):
            read_given({"colour": None}, KNOWN)

    def test_none_of_many_is_an_empty_list(self):
        assert read_given({"marks": None}, KNOWN) == {"marks": ()}

    @pytest.mark.parametrize(
        ("given", "text"),
        [
            ({"color": "red"}, "a.yaml: unknown option 'color', did you mean 'colour'?"),
            ({"colour": "green"}, "a.yaml: colour: must be red or blue, got 'green'"),
            ({"rest": 1, "rest_s": 2}, "a.yaml: rest and rest_s: must be given once, got both"),
        ],
    )
    def test_an_error_says_where_and_what(self, given, text):
        with pytest.raises(OptionError) as error:
            read_given(given, KNOWN, "a.yaml: ")
        assert str(error.value) == text

    def test_a_long_value_is_cut_in_an_error(self):
        with pytest.raises(OptionError) as error:
            BY_NAME["colour"].read("x" * 500)
        assert len(str(error.value)) < 120


class TestCheck:
    def test_a_record_keeps_each_value_in_one_form(self):
        assert Toy(room_bytes="1KB", marks=["a"]) == Toy(room_bytes=1000, marks=("a",))

    def test_a_wrong_value_is_refused(self):
        with pytest.raises(OptionError, match="room_bytes: must be a size"):
            Toy(room_bytes=-1)


def test_the_default_is_part_of_what_is_said():
    assert [one.described for one in KNOWN] == [
        "Colour of it. (default: red)",
        "Room at most. (default: no limit)",
        "Rest. (default: 500ms; none: no rest)",
        "How high. (default: none)",
        "Marks.",
        "Now.",
    ]
