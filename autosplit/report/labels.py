"""Names beside the points of a figure, such that no name lies over another one or over a point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

Boxes = npt.NDArray[np.float64]
"""Left, bottom, right and top of N boxes in pixels, shape (N, 4)."""

_DIRECTIONS = (0, 180, 90, 270, 45, 315, 135, 225)
"""Where a name is tried around its point, degrees."""
_DISTANCES = (1.0, 2.5, 4.0, 6.0, 9.0, 13.0)
"""How far from the point, in radii of a mark; from the second on, a line leads to the point."""
_MARK = 5.0  # radius of a mark, points of 1/72 inch


def place_labels(
    axis: Any, points: Sequence[tuple[float, float, str]], others: npt.NDArray[np.float64]
) -> None:
    """Write names beside points.

    The layout of the figure must be settled, and must not change any more.

    Args:
        axis: Axes of matplotlib, of a figure whose canvas is Agg.
        points: Place in data coordinates and name of each point.
        others: Places of all marks in data coordinates, shape (N, 2); names keep off these.
    """
    radius = _MARK * axis.figure.dpi / 72
    renderer = axis.figure.canvas.get_renderer()
    extent = axis.get_window_extent()
    frame = np.array([extent.x0 + 2, extent.y0 + 2, extent.x1 - 2, extent.y1 - 2])
    marks = axis.transData.transform(others)
    taken = np.hstack([marks - 0.8 * radius, marks + 0.8 * radius])
    for x, y, name in sorted(points):
        text = axis.annotate(name, (x, y), xytext=(0, 0), textcoords="offset pixels", fontsize=7)
        text.set_in_layout(False)
        text.set_path_effects([withStroke(linewidth=2, foreground="white")])  # lines pass behind
        place = axis.transData.transform((x, y))
        size = text.get_window_extent(renderer)
        boxes = _places(place, size.width, size.height, radius)
        best = int(np.argmin(_covered(boxes, frame, taken).round(3)))  # the first of equal ones
        box = boxes[best]
        taken = np.vstack([taken, box + np.array([-1, -1, 1, 1])])
        text.set_position(box[:2] - place)
        if best >= len(_DIRECTIONS):
            nearest = axis.transData.inverted().transform(np.clip(place, box[:2], box[2:]))
            line = Line2D(*zip((x, y), nearest, strict=True), color="#777777", lw=0.5, zorder=2)
            axis.add_artist(line)  # not plot, which would change the limits


def _places(place: npt.NDArray[np.float64], width: float, height: float, radius: float) -> Boxes:
    """Boxes around a point in which a name may stand, the best first."""
    angles = np.radians(np.tile(_DIRECTIONS, len(_DISTANCES)))
    away = radius * np.repeat(_DISTANCES, len(_DIRECTIONS))
    half = np.array([width, height]) / 2
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    middle = place + directions * (away[:, None] + half)
    return np.hstack([middle - half, middle + half])


def _covered(boxes: Boxes, frame: npt.NDArray[np.float64], taken: Boxes) -> npt.NDArray[np.float64]:
    """Area of each box that is outside the frame or over other things, shape (N,)."""
    outside = _area(boxes) - _area(_common(boxes, frame))
    over = _area(_common(boxes[:, None], taken[None, :])).sum(axis=1)
    covered: npt.NDArray[np.float64] = outside + over
    return covered


def _common(one: Boxes, other: Boxes) -> Boxes:
    """What two boxes have in common; upside down if that is nothing."""
    low = np.maximum(one[..., :2], other[..., :2])
    return np.concatenate([low, np.minimum(one[..., 2:], other[..., 2:])], axis=-1)


def _area(boxes: Boxes) -> npt.NDArray[np.float64]:
    """Area of boxes; 0 of those that are upside down."""
    area: npt.NDArray[np.float64] = np.maximum(boxes[..., 2:] - boxes[..., :2], 0).prod(axis=-1)
    return area
