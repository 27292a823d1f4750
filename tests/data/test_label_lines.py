"""Lines of label files, by hand."""

import pytest

from autosplit.data.label_lines import parse_label


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("0 0.5 0.5 0.4 0.4", (0, (0.5, 0.5, 0.4, 0.4))),
        ("3.0 0.5 0.5 0.4 0.4", (3, (0.5, 0.5, 0.4, 0.4))),
        ("0 0.5 0.5 0.4 0.4 0.97", (0, (0.5, 0.5, 0.4, 0.4))),
        ("0 0.1 0.1 0.9 0.1 0.9 0.9 0.1 0.9", (0, (0.5, 0.5, 0.8, 0.8))),
        ("0 0.9 0.5 0.2 1.0004", (0, (0.9, 0.5, 0.2, 1))),
        ("1 -0.0001 0.5 0.2 1 # a comment", (1, (0, 0.5, 0.2, 1))),
        ("99999 0.5 0.5 0.4 0.4", (99999, (0.5, 0.5, 0.4, 0.4))),
        ("0 0.2 0.9 0.6 0.3 0.4 0.5", (0, (0.4, 0.6, 0.4, 0.6))),  # x .2 to .6, y .3 to .9
        ("0 0.5 0.1 0.9 0.5 0.5 0.9 0.1 0.5", (0, (0.5, 0.5, 0.8, 0.8))),  # a square on its tip
        ("0 0.5 0.5 1.01 0.4", (0, (0.5, 0.5, 1, 0.4))),
        ("# a comment", None),
        ("  ", None),
    ],
)
def test_what_tools_write_is_read(line, expected):
    found = parse_label(line)

    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert found[0] == expected[0]
        assert found[1] == pytest.approx(expected[1])


@pytest.mark.parametrize(
    ("line", "keypoints"),
    [
        ("0 .5 .5 .2 .4 .45 .45 .55 .5", 4),
        ("0 .5 .5 .2 .4 .45 .45 2 .55 .5 0", 6),
        ("0 .5 .5 .2 .4", 4),
        ("0 .5 .5 .2 .4 .9", 4),
    ],
)
def test_numbers_of_keypoints_follow_the_box(line, keypoints):
    assert parse_label(line, keypoints) == (0, (0.5, 0.5, 0.2, 0.4))


@pytest.mark.parametrize("line", ["0 .1 .1 .9 .1 .9 .9", "0 .5 .5 .2 .4 .45 .45 .55 .5 .6 .6"])
def test_another_number_of_keypoints_is_refused(line):
    with pytest.raises(ValueError, match="centre and size of a box, and 4 numbers of keypoints, "):
        parse_label(line, 4)


@pytest.mark.parametrize(
    "line",
    [
        "0 0.5 0.5 0.4",
        "0.5 0.5 0.5 0.4 0.4",
        "-1 0.5 0.5 0.4 0.4",
        "a 0.5 0.5 0.4 0.4",
        "0 0.5 0.5 0.4 1.02",
        "0 0.5 0.5 0.4 1.011",
        "0 -0.011 0.5 0.4 0.4",
        "0 nan 0.5 0.4 0.4",
        "0 0.1 0.1 0.9 0.1 0.9 0.9 0.1",
        "inf 0.5 0.5 0.4 0.4",
        "100000 0.5 0.5 0.4 0.4",
        "0,0.5,0.5,0.4,0.4",
        "0 0.5 0.5 -0.4 0.4",
        "0 32 24 20 20",
    ],
)
def test_another_line_is_refused(line):
    with pytest.raises(ValueError, match="must be a class and the centre and size of a box"):
        parse_label(line)
