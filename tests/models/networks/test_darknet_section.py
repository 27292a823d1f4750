"""Options of a section of a Darknet file: what is read, and what is refused with its line."""

import pytest

from autosplit.errors import ModelError
from autosplit.models.networks.darknet_cfg import parse_cfg

NET = "[net]\nwidth=64\n"


def test_options_are_numbers_with_defaults():
    _, route, yolo = parse_cfg(
        NET + "[route]\nlayers=-1, 61\n[yolo]\nanchors=10,13,  16.5,30\n", "a.cfg"
    )

    assert route.integers("layers") == (-1, 61)
    assert route.integer("groups", 1) == 1
    assert yolo.numbers("anchors") == (10, 13, 16.5, 30)
    assert yolo.integers("mask", (0, 1)) == (0, 1)


@pytest.mark.parametrize(
    ("options", "line", "message"),
    [
        ("size=0", 4, "size must be a whole number of at least 1, got '0'"),
        ("size=x", 4, "size must be whole numbers, got 'x'"),
        ("size=1,2", 4, "size must be a whole number of at least 1, got '1,2'"),
        ("stride=1", 3, "must have the option 'size'"),
    ],
)
def test_a_wrong_option_is_refused(options, line, message):
    with pytest.raises(ModelError) as error:
        parse_cfg(NET + "[conv]\n" + options, "a.cfg")[1].integer("size", None, 1)

    assert str(error.value) == f"a.cfg:{line}: [convolutional] of layer 0: {message}"


def test_numbers_that_are_none_are_refused():
    with pytest.raises(ModelError, match="anchors must be numbers, got '1,b'"):
        parse_cfg(NET + "[yolo]\nanchors=1,b\n", "a.cfg")


def test_whole_numbers_may_be_written_with_a_point_and_lists_end_in_a_comma():
    _, conv, yolo = parse_cfg(NET + "[conv]\nsize=3.0\n[yolo]\nmask=1,2,\n", "a.cfg")

    assert conv.integer("size") == 3
    assert yolo.integers("mask") == (1, 2)
    with pytest.raises(ModelError, match=r"size must be whole numbers, got '3\.5'"):
        parse_cfg(NET + "[conv]\nsize=3.5\n", "a.cfg")


def section(options):
    return parse_cfg(NET + "[yolo]\n" + options, "a.cfg")[1]


@pytest.mark.parametrize(
    "written", ["10 14 23 27", "10,14 23,27", "10,14\t23,27", "10,14;23,27", "10,14 -1,27"]
)
def test_a_list_without_its_commas_is_refused_with_the_line_of_the_option(written):
    with pytest.raises(ModelError) as error:
        section(f"classes=1\nanchors={written}\n").numbers("anchors")

    assert str(error.value) == (
        "a.cfg:5: [yolo] of layer 0: anchors must be numbers with a comma between any two, "
        f"got {written.replace(';', '; ')!r}"
    )


@pytest.mark.parametrize("written", ["10,  14,23\t,27", "10,14,23,27,", " 10,14,23,27 "])
def test_spaces_and_tabs_beside_a_comma_are_no_part_of_a_list(written):
    assert section(f"anchors={written}\n").numbers("anchors") == (10, 14, 23, 27)


@pytest.mark.parametrize("written", ["10,14,,27", "10x14", "(10,14)", "inf,14", "nan,14"])
def test_what_is_no_number_is_refused(written):
    with pytest.raises(ModelError, match="anchors must be numbers, got"):
        section(f"anchors={written}\n").numbers("anchors")


@pytest.mark.parametrize("written", ["inf", "nan", "1e400", "0x10", "1abc", "64.5"])
def test_what_is_no_whole_number_is_refused(written):
    with pytest.raises(ModelError, match=r"a\.cfg:4: .*classes must be whole numbers, got"):
        section(f"classes={written}\n")


def test_an_error_of_a_section_has_its_line_and_an_error_of_an_option_its_own():
    found = section("classes=1\nnum=2\n")

    assert str(found.error("must be")) == "a.cfg:3: [yolo] of layer 0: must be"
    assert str(found.error("must be", "num")) == "a.cfg:5: [yolo] of layer 0: must be"
    assert str(found.error("must be", "mask")) == "a.cfg:3: [yolo] of layer 0: must be"


def test_a_word_is_one_of_several():
    found = section("nms_kind=greedynms\n")

    assert found.choice("nms_kind", ("default", "greedynms"), "default") == "greedynms"
    assert found.choice("other", ("default", "greedynms"), "default") == "default"
    with pytest.raises(ModelError, match=r"a\.cfg:4: .*nms_kind is unknown, 'greedynms', choose"):
        found.choice("nms_kind", ("a", "b"), "a")
