"""The recorded speeds of detectors keep their promises, and the page says what was recorded."""

import csv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def rows():
    with (ROOT / "results" / "bench_yolo.csv").open(encoding="utf-8") as file:
        return {row["what"]: row for row in csv.DictReader(file)}


def test_recorded_ratios_are_within_what_is_promised(rows):
    for row in rows.values():
        ratio = float(row["seconds"]) / float(row["other_seconds"])
        assert float(row["ratio"]) == pytest.approx(ratio, rel=1e-3)
        assert ratio <= float(row["promised"].removeprefix("at most "))


def test_the_page_on_detection_has_the_recorded_ratios(rows):
    page = (ROOT / "docs" / "explanation" / "detection.md").read_text(encoding="utf-8")
    ratio = {what.partition(" / ")[0]: float(row["ratio"]) for what, row in rows.items()}

    scored, drawn = ratio["boxes above 0.005"], ratio["boxes above 0.25"]
    assert f"take {scored:.1%} of the time".replace("%", " %") in page
    assert f"and {drawn:.1%} for those that are drawn".replace("%", " %") in page
    assert f"takes {ratio['a video of 20 frames']:.2f} of the time" in page
