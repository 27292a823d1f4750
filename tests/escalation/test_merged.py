"""Records merged image by image."""

import numpy as np

from autosplit.data.coco import Truth
from autosplit.escalation.merged import last_of, merged
from autosplit.evaluate.average_precision import FoundBoxes
from autosplit.evaluate.tasks.classification import ClassRecord
from autosplit.evaluate.tasks.detection import BoxRecord

EDGE = ClassRecord(4, [0, 1, 2, 3], [1, 0, 0, 1], [1, 1, 0, 1], [0.0, 0.1, 0.2, 0.3])
CLOUD = ClassRecord(4, [5, 6, 7, 8], [0, 1, 1, 0], [0, 1, 1, 1], [1.0, 1.1, 1.2, 1.3])


def test_each_of_the_last_images_has_the_answer_of_one_of_both():
    found = merged(EDGE, CLOUD, [True, False, True])

    assert found == ClassRecord(3, [1, 7, 3], [0, 1, 1], [1, 1, 1], [0.1, 1.2, 0.3])
    assert found.done


def test_the_last_images_alone_are_a_record_too():
    assert last_of(EDGE, 2) == ClassRecord(2, [2, 3], [0, 1], [0, 1], [0.2, 0.3])


def test_what_one_of_both_does_not_have_is_left_out():
    assert merged(EDGE, ClassRecord(4, [5, 6, 7, 8]), [True] * 4).hits is None


def test_boxes_and_what_is_there_are_merged():
    one, other = (
        FoundBoxes(np.zeros((1, 4)), np.array([score]), np.array([0])) for score in (0.1, 0.9)
    )
    truths = [Truth(9, side, (), (), (), ()) for side in (1, 2, 3)]
    edge = BoxRecord(3, ("house",), [one] * 3, truths)
    cloud = BoxRecord(3, ("house",), [other] * 3, truths)

    found = merged(edge, cloud, [False, True])

    assert (found.total, found.labels) == (2, ("house",))
    assert [boxes.scores[0] for boxes in found.found] == [0.9, 0.1]
    assert found.truths == truths[1:]
