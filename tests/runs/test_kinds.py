"""Kinds of values: what is read from text, what is taken from Python, and what is refused."""

import math

import pytest

from autosplit.runs import kinds


def refuse(convert, value, text):
    with pytest.raises(ValueError, match=text):
        convert(value)


class TestSizes:
    @pytest.mark.parametrize(
        ("text", "size"),
        [
            ("100000", 100_000),
            ("0", 0),
            ("1", 1),
            ("4MB", 4_000_000),
            ("4mb", 4_000_000),
            ("4M", 4_000_000),
            ("4 MiB", 4_194_304),
            ("512KiB", 524_288),
            ("512Ki", 524_288),
            ("1.5KB", 1_500),
            ("2GB", 2_000_000_000),
            ("2gib", 2_147_483_648),
            (" 7 B ", 7),
            ("123456789012345678", 123_456_789_012_345_678),
        ],
    )
    def test_a_size_as_it_is_written(self, text, size):
        assert kinds.size().read(text) == size

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "MB",
            "-4",
            "4TB",
            "4 MBit",
            "4iB",
            "0.4",
            "1e6",
            "4MB4",
            "٤",
            "9" * 40,
            -1,
            4.0,
            True,
        ],
    )
    def test_what_is_no_size_is_refused(self, text):
        refuse(kinds.size().read, text, "must be a size such as 4MB, 512KiB or 100000")

    def test_bytes_from_python_are_bytes(self):
        assert kinds.size().check(0) == 0
        assert kinds.size().check("4KiB") == 4096


class TestTimes:
    @pytest.mark.parametrize(
        ("written", "seconds"),
        [("20", 0.02), ("20ms", 0.02), ("0.02s", 0.02), ("2 s", 2.0), (20, 0.02), ("1e3", 1.0)],
    )
    def test_a_time_is_written_in_milliseconds_and_kept_in_seconds(self, written, seconds):
        assert kinds.milliseconds().read(written) == pytest.approx(seconds)

    @pytest.mark.parametrize("written", ["", "ms", "-3", "1.2.3", "inf", "nan", True, "20m"])
    def test_what_is_no_time_is_refused(self, written):
        refuse(kinds.milliseconds().read, written, "must be a time such as 20")

    def test_a_number_from_python_is_seconds(self):
        assert kinds.milliseconds().check(0.5) == 0.5
        assert kinds.milliseconds().check("500ms") == 0.5
        refuse(kinds.milliseconds().check, -0.5, "must be a time")

    def test_it_is_shown_as_it_is_written(self):
        assert kinds.milliseconds().show(0.02) == "20ms"


class TestNumbers:
    @pytest.mark.parametrize(("text", "value"), [("3", 3), (" 3 ", 3), ("+3", 3), (3, 3)])
    def test_a_whole_number(self, text, value):
        assert kinds.count(1, 9).read(text) == value

    @pytest.mark.parametrize("value", ["", "three", "0", "10", 0, 10, 2.0, True, "2.0", "9" * 30])
    def test_what_is_no_whole_number_within_is_refused(self, value):
        refuse(kinds.count(1, 9).read, value, "must be a whole number from 1 to 9")

    def test_the_limits_belong_to_it(self):
        assert [kinds.count(1, 9).check(value) for value in (1, 9)] == [1, 9]
        assert [kinds.number("X", 0, 1).check(value) for value in (0, 1)] == [0.0, 1.0]

    def test_a_number_may_be_written_in_any_way(self):
        assert kinds.number().read("-1e9") == -1e9
        assert kinds.number("BITS", 0).read("5.5") == 5.5

    @pytest.mark.parametrize(
        "value", ["nan", "inf", "-inf", "x", math.nan, math.inf, "-1", True, []]
    )
    def test_what_is_no_number_within_is_refused(self, value):
        refuse(kinds.number("BITS", 0).read, value, "must be a number of at least 0")
        refuse(kinds.number("BITS", 0).check, value, "must be a number of at least 0")


class TestSwitches:
    def test_on_is_true_and_off_is_false(self):
        assert [kinds.switch().read(value) for value in ("on", "off", True, False)] == [
            *(True, False),
            *(True, False),
        ]
        assert kinds.switch().check(value=True) is True

    @pytest.mark.parametrize("value", ["yes", "True", 1, 0, "auto", ""])
    def test_no_other_word_is_a_switch(self, value):
        refuse(kinds.switch().read, value, "must be on or off")

    def test_auto_is_the_third_way(self):
        assert [kinds.three_way().read(value) for value in ("on", "off", "auto", True, False)] == [
            *("on", "off", "auto"),
            *("on", "off"),
        ]
        refuse(kinds.three_way().read, "maybe", "must be on, off or auto")


class TestChoices:
    def test_few_names_are_all_listed(self):
        refuse(kinds.choice("a", "b", "c").read, "d", "^must be a, b or c$")

    def test_of_many_the_nearest_is_named(self):
        many = kinds.choice("minmax", *"abcde")
        refuse(many.read, "minmix", "^unknown name, did you mean 'minmax'\\?$")

    def test_a_name_that_a_person_registered_is_taken(self, monkeypatch):
        monkeypatch.setattr(kinds, "MINE", {"d": len}, raising=False)
        mine = kinds.choice("a", "b", registry="autosplit.runs.kinds:MINE")

        assert mine.check("d") == "d"
        refuse(mine.check, "e", "must be a or b")

    def test_a_registry_that_is_not_imported_stays_so(self):
        refuse(kinds.choice("a", "b", registry="no.such.module:NAMES").check, "c", "must be a or b")

    @pytest.mark.parametrize("value", [3, None, ["a"], True])
    def test_what_is_no_text_is_refused(self, value):
        refuse(kinds.choice("a", "b").check, value, "must be a or b")


class TestLists:
    def test_names_are_separated_by_commas(self):
        assert kinds.names("X").read(" a, b ,,c") == ("a", "b", "c")
        assert kinds.names("X").read(["a", "b"]) == ("a", "b")
        assert kinds.names("X").check(("a",)) == ("a",)

    @pytest.mark.parametrize("value", ["", " , ", [], (), 7])
    def test_no_name_at_all_is_refused(self, value):
        refuse(kinds.names("X").read, value, "must name at least one")

    def test_each_name_must_be_known(self):
        refuse(kinds.names("X", ("a", "b")).read, "a,c", "must be a or b")

    @pytest.mark.parametrize(
        ("text", "widths"),
        [
            ("2,4,8", (2, 4, 8)),
            ("8, 2 ,4", (2, 4, 8)),
            ("3", (3,)),
            ("4,4", (4,)),
            ([8, 2], (2, 8)),
        ],
    )
    def test_widths_are_kept_ascending(self, text, widths):
        assert kinds.widths(8).read(text) == widths

    @pytest.mark.parametrize(
        "text", ["", "2,,4", "two", "2.5", "-2", "2²", "0", "9", [2.0], [], [True], 8]
    )
    def test_what_are_no_widths_is_refused(self, text):
        refuse(kinds.widths(8).read, text, "must be whole numbers from 1 to 8, separated by commas")

    def test_pins_are_a_list(self):
        assert kinds.pins().read(["a:weight=8"]) == ("a:weight=8",)
        refuse(kinds.pins().check, "a:weight=8", "must be a list such as")


class TestQualities:
    @pytest.mark.parametrize("value", ["90,50", [90, 50, 90], "50, 90"])
    def test_they_are_kept_ascending(self, value):
        assert kinds.qualities().read(value) == (50, 90)

    def test_one_may_stand_alone(self):
        assert kinds.qualities().check(75) == kinds.qualities().read("75") == (75,)

    @pytest.mark.parametrize("value", ["", "0", "96", "50,best", [], [7.5], True])
    def test_what_is_no_quality_is_refused(self, value):
        refuse(kinds.qualities().read, value, "must be whole numbers from 1 to 95")


class TestJoules:
    @pytest.mark.parametrize(
        ("text", "joules"),
        [("5mJ", 5e-3), ("800uJ", 8e-4), ("0.005J", 5e-3), (" 2 nJ ", 2e-9), ("1e-3 J", 1e-3)],
    )
    def test_an_energy_has_its_unit(self, text, joules):
        assert kinds.joules().read(text) == pytest.approx(joules)

    @pytest.mark.parametrize("text", ["5", "5mj", "-1mJ", "mJ", "5MJ", "1.2.3J", "", 5, 0.1, True])
    def test_what_has_no_unit_is_refused_where_it_is_written(self, text):
        refuse(kinds.joules().read, text, "must be an energy such as 5mJ, 800uJ or 0.005J")

    def test_joules_from_python_are_joules(self):
        assert kinds.joules().check(0.005) == 0.005
        assert kinds.joules().show(0.005) == "5mJ"
        refuse(kinds.joules().check, math.nan, "must be an energy")
        refuse(kinds.joules().check, -1.0, "must be an energy")


def test_a_count_may_be_all():
    kind = kinds.count_or_all()
    assert [kind.read(one) for one in ("all", "9", 1)] == [0, 9, 1]
    assert [kind.show(one) for one in (0, 9)] == ["all", "9"]
    assert kind.check(0) == 0
    for wrong in ("0", "-1", "some", 1.5, True, False):
        with pytest.raises(ValueError, match="must be a whole number of at least 1"):
            kind.read(wrong)
