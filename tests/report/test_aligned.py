"""Tables of text: columns line up, nothing is lost, no line is too long."""

import pytest

from autosplit.report.aligned import aligned, html

HEADER = ["", "pick", "all-edge"]
ROWS = [["total, ms", "0.96", "12,345.67"], ["cut", "none", "a"]]


def test_labels_are_to_the_left_and_values_to_the_right():
    assert aligned(HEADER, ROWS).splitlines() == [
        "           pick   all-edge",
        "total, ms  0.96  12,345.67",
        "cut        none          a",
    ]


def test_a_table_that_fits_is_not_folded():
    rows = [["cut", "features.12.conv+features.13.conv", "none"]]

    assert len(aligned(HEADER, rows, 60).splitlines()) == 2


@pytest.mark.parametrize("width", [80, 60, 40])
def test_no_line_is_longer_than_the_width_and_no_character_is_lost(width):
    name = "features.12.block.conv1+features.13.block.conv2+a_name_without_any_separator_at_all"
    lines = aligned(HEADER, [["cut", name, "none"], ["bits", "3", "-"]], width).splitlines()

    assert max(map(len, lines)) <= width
    body = "".join(line[4:].replace("none", "").strip() for line in lines[1:-1])
    assert body == name


def test_a_long_name_is_broken_behind_a_separator():
    lines = aligned(["", "p"], [["cut", "features.12+features.13"]], 20).splitlines()

    assert [line[3:].strip() for line in lines[1:]] == ["features.12+", "features.13"]


def test_html_has_the_same_cells_and_escapes_them():
    text = html(["", "a<b"], [["cut", "x&y"]])

    assert text.startswith("<table>")
    assert "a&lt;b</th>" in text
    assert "x&amp;y</td>" in text
    assert text.count("<tr>") == 2
