"""Lines of label files, as Darknet and ultralytics write them -> class and box.

============================================ ==================================================
line                                         box
============================================ ==================================================
``class x y width height``                   centre and size as shares of the picture
``class x y width height confidence``        the same
``class x1 y1 x2 y2 x3 y3 ...``              the smallest one around the outline
``class x y width height px1 py1 pv1 ...``   the centre and size before the numbers of keypoints
============================================ ==================================================

The last kind is read where the data set has keypoints, and outlines where it has none: nothing in a
line tells them apart.  The class may be written as ``0.0``.  What follows a ``#`` is a comment.
"""

from __future__ import annotations

import math

BoxShares = tuple[float, float, float, float]
"""Centre and size of a box, x, y, width and height, shares of the picture, 0..1."""
HAIR = 0.01
"""A value may be so much outside of 0..1, for tools round; it is clipped."""
MOST_NUMBERED = 100_000
"""A class is below this number; anything above is no class."""
_BOX, _SURE_BOX, _LEAST_OUTLINE = 5, 6, 7


def parse_label(line: str, keypoints: int = 0) -> tuple[int, BoxShares] | None:
    """Read one line.

    Args:
        line: The line.
        keypoints: Numbers of the keypoints of an object, which follow its box; 0 if there are none.

    Returns:
        The class and the box; None for an empty line or a comment.

    Raises:
        ValueError: The line is something else; says what it must be.

    >>> parse_label("0.0 0.5 0.5 0.4 0.4 0.97  # seen by a network")
    (0, (0.5, 0.5, 0.4, 0.4))
    >>> parse_label("2 0.1 0.1 0.9 0.1 0.9 0.9")
    (2, (0.5, 0.5, 0.8, 0.8))
    """
    words = line.partition("#")[0].split()
    if not words:
        return None
    try:
        number, *values = map(float, words)
    except ValueError:
        number, values = math.nan, []
    has_points = bool(keypoints) and len(words) == _BOX + keypoints
    values = values[: _BOX - 1] if has_points else values
    outline = not keypoints and len(words) >= _LEAST_OUTLINE and len(words) % 2 == 1
    boxed = has_points or len(words) in (_BOX, _SURE_BOX)
    shares = [min(max(value, 0.0), 1.0) for value in values]
    within = all(
        abs(value - share) < HAIR + 1e-9 for value, share in zip(values, shares, strict=True)
    )
    if not (boxed or outline) or not within or not _is_class(number):
        other = f"and {keypoints} numbers of keypoints," if keypoints else ""
        other = other or "or the corners of an outline,"
        raise ValueError(
            f"must be a class and the centre and size of a box, {other} as shares of the picture, "
            f"0..1, got {line!r}"
        )
    if outline:
        xs, ys = shares[::2], shares[1::2]
        left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
        box = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
    else:
        box = shares[0], shares[1], shares[2], shares[3]
    if not (box[2] > 0 and box[3] > 0):
        raise ValueError(f"a box must have a width and a height above 0, got {line!r}")
    return int(number), box


def _is_class(number: float) -> bool:
    return 0 <= number < MOST_NUMBERED and number == int(number)
