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
    '2 pictures, 1 box of 1 of 2 classes, 0 to 1 a picture (mean 0.5), 1 small, 0 medium, 0 large'
    """
    each = [len(truth.boxes) for truth in truths]
    areas = [area for truth in truths for area in truth.areas]
    kinds = {number for truth in truths for number in truth.classes}
    crowds = sum(sum(truth.crowds) for truth in truths)
    small = sum(area < SMALL for area in areas)
    large = sum(area > LARGE for area in areas)
    text = (
        f"{counted(len(truths), 'picture')}, {counted(len(areas), 'box', 'boxes')} of "
        f"{len(kinds)} of {counted(len(labels), 'class', 'classes')}, "
        f"{min(each, default=0)} to {max(each, default=0)} a picture "
        f"(mean {len(areas) / max(len(truths), 1):.1f}), "
        f"{small:,} small, {len(areas) - small - large:,} medium, {large:,} large"
    )
    return text if not crowds else f"{text}, {crowds:,} of them around crowds"
