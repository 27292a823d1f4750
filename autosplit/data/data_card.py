"""What is in pictures with boxes, in one line: pictures, boxes, classes, sizes."""

from __future__ import annotations

from collections.abc import Sequence

from autosplit.data.coco import Truth
from autosplit.errors import counted

SMALL, LARGE = 32.0**2, 96.0**2
"""Areas between small, medium and large objects, square pixels (COCO)."""


def data_card(truths: Sequence[Truth], labels: Sequence[str]) -> str:
    """Describe annotated pictures.

    Args:
        truths: Ground truth of each picture.
        labels: Names of the classes.

    >>> data_card([Truth(90, 90, ((0, 0, 9, 9),), (1,), (81,), (False,)), Truth(9, 9)], ["a", "b"])
    '2 pictures, 1 box of 1 of 2 classes, 0 to 1 (mean 0.5) per picture, 1 small, 0 medium, 0 large'
    """
    each = [len(truth.boxes) for truth in truths]
    areas = [area for truth in truths for area in truth.areas]
    kinds = {number for truth in truths for number in truth.classes}
    crowds = sum(sum(truth.crowds) for truth in truths)
    small = sum(area < SMALL for area in areas)
    large = sum(area > LARGE for area in areas)
    part = "" if len(kinds) == len(labels) else f"{len(kinds)} of "
    least, most = min(each, default=0), max(each, default=0)
    boxes_each = f"{least}"
    if least < most:
        boxes_each = f"{least} to {most} (mean {len(areas) / len(truths):.1f})"
    text = (
        f"{counted(len(truths), 'picture')}, {counted(len(areas), 'box', 'boxes')} of "
        f"{part}{counted(len(labels), 'class', 'classes')}, {boxes_each} per picture, "
        f"{small:,} small, {len(areas) - small - large:,} medium, {large:,} large"
    )
    return text if not crowds else f"{text}, {crowds:,} of them crowds or difficult"
