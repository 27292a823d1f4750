"""Whether two networks answer the same, image by image."""

import numpy as np
import pytest

from autosplit.errors import DataError
from autosplit.escalation.agreement import same_answers, same_boxes
from autosplit.evaluate.average_precision import FoundBoxes
from autosplit.evaluate.tasks.binary import BinaryRecord
from autosplit.evaluate.tasks.classification import ClassRecord
from autosplit.evaluate.tasks.detection import BoxRecord

A, B, NEAR_A, FAR = (0, 0, 10, 10), (50, 50, 10, 10), (2, 0, 10, 10), (6, 0, 10, 10)
"""NEAR_A overlaps A by 80 / 120, FAR by 40 / 160."""


def found(*entries):
    places, classes, scores = zip(*entries, strict=True) if entries else ((), (), ())
    boxes = np.array(places, float).reshape(-1, 4)
    return FoundBoxes(boxes, np.array(scores, float), np.array(classes, int))


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (found((A, 0, 0.9), (B, 1, 0.8)), True),
        (found((B, 1, 0.3), (NEAR_A, 0, 0.5)), True),
        (found((A, 0, 0.9), (B, 1, 0.8), (B, 0, 0.2)), True),  # not shown
        (found((A, 0, 0.9), (B, 1, 0.8), (B, 0, 0.3)), False),
        (found((A, 0, 0.9)), False),
        (found((A, 0, 0.9), (B, 0, 0.8)), False),  # another class
        (found((FAR, 0, 0.9), (B, 1, 0.8)), False),
        (found(), False),
    ],
)
def test_boxes_are_the_same_if_each_has_its_own(other, same):
    boxes = found((A, 0, 0.9), (B, 1, 0.8))

    assert same_boxes(boxes, other) is same
    assert same_boxes(other, boxes) is same


def test_two_boxes_need_two():
    assert not same_boxes(found((A, 0, 0.9), (NEAR_A, 0, 0.8)), found((A, 0, 0.9), (B, 0, 0.8)))


def test_no_boxes_are_the_same():
    assert same_boxes(found(), found((A, 0, 0.1)))


def test_records_are_compared_image_by_image():
    assert same_answers(ClassRecord(3, [1, 2, -1]), ClassRecord(3, [1, 0, 3])) == [
        True,
        False,
        False,
    ]
    own, other = BoxRecord(2, (), [found(), found()]), BoxRecord(2, (), [found(), found((A, 0, 1))])
    assert same_answers(own, other) == [True, False]


def test_another_task_is_refused_in_one_line():
    with pytest.raises(DataError, match="must be classification or detection, is binary"):
        same_answers(BinaryRecord(), BinaryRecord())
