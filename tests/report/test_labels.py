"""Names in a figure: inside the frame, off each other and off the points."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

from autosplit.report.labels import place_labels


def placed(points, others=None):
    """Boxes of the names, in pixels, on axes from 0 to 1."""
    figure = Figure(figsize=(6, 4), dpi=100)
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    axis.scatter([0, 1], [0, 1])  # limits follow what is drawn
    figure.draw_without_rendering()
    marks = np.array([(x, y) for x, y, _ in points] if others is None else others)
    place_labels(axis, points, marks.reshape(-1, 2))
    figure.draw_without_rendering()
    return axis, {text.get_text(): text.get_window_extent() for text in axis.texts}


def leaders(axis):
    """Lines from points to names that had to move away."""
    return [artist for artist in axis.get_children() if isinstance(artist, Line2D)]


CROWD = [(0.5 + 0.01 * i, 0.5 + 0.004 * j, f"uniform{i}{j}") for i in range(4) for j in range(3)]
CORNERS = [(x, y, f"corner {x}{y}") for x in (0, 1) for y in (0, 1)]


@pytest.mark.parametrize("points", [CROWD, CORNERS], ids=["crowd", "corners"])
def test_names_stay_in_the_frame_and_off_each_other(points):
    axis, boxes = placed(points)

    frame = axis.get_window_extent()
    assert len(boxes) == len(points)
    for box in boxes.values():
        assert frame.x0 <= box.x0 <= box.x1 <= frame.x1
        assert frame.y0 <= box.y0 <= box.y1 <= frame.y1
    for one, other in combinations(boxes.values(), 2):
        assert not Bbox.intersection(one, other)


def test_a_lone_name_stands_right_beside_its_point():
    axis, boxes = placed([(0.5, 0.5, "alone")])

    x, y = axis.transData.transform((0.5, 0.5))
    box = boxes["alone"]
    assert x < box.x0 < x + 12
    assert box.y0 < y < box.y1
    assert not leaders(axis)


def test_a_name_keeps_off_points_that_have_none():
    right = [(0.5 + 0.01 * i, 0.5) for i in range(12)]
    axis, boxes = placed([(0.5, 0.5, "first")], right)

    places = axis.transData.transform(right)
    box = boxes["first"]
    assert not any(box.x0 <= x <= box.x1 and box.y0 <= y <= box.y1 for x, y in places)


def test_a_line_leads_to_the_point_of_a_name_that_had_to_move_away():
    axis, _ = placed(CROWD)

    assert leaders(axis)
    ends = {tuple(line.get_xydata()[0]) for line in leaders(axis)}
    assert ends <= {(x, y) for x, y, _ in CROWD}
