"""The Pareto figure: what is drawn where, and that nothing lies over anything else."""

import io
from itertools import combinations

import numpy as np
import pytest
from candidates import FLOAT_SCORE, GRAPH, JPEG, one, points_over
from matplotlib.colors import to_hex
from matplotlib.transforms import Bbox
from PIL import Image

from autosplit.report.candidate import FloatScore
from autosplit.report.figure import BASELINES, FRONT, PICKED, PLANS, front_figure
from autosplit.report.pick import pick_from
from autosplit.report.points import Points


def picks_of(points):
    picks = {}
    for link in points.links:
        picks[link] = pick_from(GRAPH, points.over(link), 1.0, None, FLOAT_SCORE)
    return picks


def pixels(drawing):
    with Image.open(io.BytesIO(drawing.png())) as image:
        return np.asarray(image.convert("RGB")).reshape(-1, 3), image.size


class TestFrontFigure:
    @pytest.mark.parametrize("links", [("a",), tuple("abcd"), tuple("abc")])
    def test_there_is_a_panel_for_each_link(self, links):
        drawing = front_figure(points_over(links))

        titles = [axis.get_title() for axis in drawing.axes if axis.get_visible()]
        assert titles == list(links)

    def test_every_kind_of_plan_is_drawn(self):
        points = points_over()
        found, (width, height) = pixels(front_figure(points, picks_of(points), 1.0))

        colours = {to_hex(np.array(pixel) / 255) for pixel in np.unique(found, axis=0)}
        assert {PICKED, BASELINES, PLANS, FRONT} <= colours
        assert width >= 600
        assert height >= 400

    @pytest.mark.parametrize("method", ["autosplit", "cloud-jpeg"])
    def test_a_plan_that_sends_a_jpeg_file_is_neither_a_split_nor_a_baseline(self, method):
        rows = [one("cut1", 0.004), one("jpeg75", 0.02, method=method, layers=0, coding=JPEG)]
        (axis,) = front_figure(Points(rows, "t", FLOAT_SCORE)).axes
        drawn = {c.get_label(): c.get_offsets()[:, 0].tolist() for c in axis.collections}

        assert drawn == {"plans of autosplit": [4.0], "input sent as JPEG": [20.0]}

    def test_the_same_points_give_the_same_bytes(self):
        assert front_figure(points_over()).png() == front_figure(points_over()).png()

    def test_the_pick_is_named_and_marked(self):
        points = points_over()
        (axis,) = front_figure(points, picks_of(points)).axes
        stars = [c for c in axis.collections if c.get_label() == "pick"]

        assert axis.get_title() == "3mbps, pick: cut2"
        np.testing.assert_allclose(stars[0].get_offsets(), [[6.0, 93.2]])

    def test_lines_are_at_the_float_accuracy_and_at_the_allowed_drop(self):
        (axis,) = front_figure(points_over(), max_drop=1.5).axes
        heights = {line.get_label(): line.get_ydata()[0] for line in axis.lines}

        assert heights["float network"] == pytest.approx(93.7)
        assert heights["1.5 points lost"] == pytest.approx(92.2)

    def test_distortion_has_neither_line(self):
        (axis,) = front_figure(points_over(score=None), max_drop=1.0).axes

        assert axis.get_ylabel() == "distortion (lower is better)"
        assert not {"float network", "1 point lost"} & {line.get_label() for line in axis.lines}

    def test_the_range_is_that_of_the_plans_that_are_near(self):
        (axis,) = front_figure(points_over()).axes

        low, high = axis.get_ylim()
        assert 89 < low < 90.25
        assert 93.7 < high < 95

    def test_names_of_baselines_lie_neither_over_each_other_nor_outside(self):
        drawing = front_figure(points_over(("1mbps", "3mbps")))
        drawing.draw_without_rendering()

        for axis in drawing.axes:
            panel = axis.get_window_extent()
            boxes = {text.get_text(): text.get_window_extent() for text in axis.texts}
            assert set(boxes) == {"cloud16", "uniform2 (24 %)", "uniform6", "uniform8"}
            for box in boxes.values():
                assert panel.x0 <= box.x0 <= box.x1 <= panel.x1
                assert panel.y0 <= box.y0 <= box.y1 <= panel.y1
            for first, second in combinations(boxes.values(), 2):
                assert not Bbox.intersection(first, second)

    @pytest.mark.parametrize(
        ("seconds", "ticks"),
        [
            ((0.0062, 0.0088), {"7", "8"}),
            ((0.0035, 0.0085), {"4", "5", "6", "7", "8"}),
            ((0.008, 0.06), {"10", "20", "50"}),
        ],
    )
    def test_every_panel_of_wide_ones_has_plain_numbers(self, seconds, ticks):
        here = [one(name, s, link="a") for name, s in zip("xy", seconds, strict=True)]
        wide = [one("z", s, link="b") for s in (0.001, 1.0)]
        drawing = front_figure(Points([*here, *wide], "t", FloatScore("AP", 0.9, 5)))
        drawing.draw_without_rendering()

        axis = drawing.axes[0].xaxis
        low, high = drawing.axes[0].get_xlim()
        marks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        shown = {m.label1.get_text() for m in marks if low <= m.get_loc() <= high}
        assert shown - {""} == ticks

    def test_a_notebook_shows_it_as_png(self):
        assert front_figure(points_over())._repr_png_().startswith(b"\x89PNG")
