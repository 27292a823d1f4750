"""Boxes of two networks that are the same object."""

import torch

from autosplit.detect.matching import match_boxes
from autosplit.models.networks.yolo_decode import Detections


def boxes(*rows):
    numbers = torch.tensor(rows).reshape(-1, 6)
    return Detections(numbers[:, :4], numbers[:, 4], numbers[:, 5].long())


def test_boxes_are_the_same_if_they_overlap_by_half_and_are_of_one_class():
    first = boxes((0.0, 0, 10, 10, 0.9, 1), (20, 0, 30, 10, 0.8, 1), (40, 0, 50, 10, 0.7, 0))
    second = boxes(
        (20.0, 0, 30, 9, 0.9, 1),
        (0, 0, 10, 10, 0.8, 0),  # another class
        (21, 0, 31, 10, 0.7, 1),  # the first took its partner
        (40, 5.1, 50, 15, 0.6, 0),  # overlaps by less than half
        (0, 0, 10, 6, 0.5, 1),
    )

    assert match_boxes(first, second).pairs == ((0, 4), (1, 0))
    assert match_boxes(boxes(), second).pairs == ()
    assert match_boxes(first, boxes()).pairs == ()


def test_the_surest_box_chooses_first():
    first = boxes((0.0, 0, 10, 10, 0.9, 0))
    second = boxes((0.0, 0, 10, 8, 0.3, 0), (0, 0, 10, 6, 0.8, 0))

    assert match_boxes(first, second).pairs == ((0, 1),)


def test_an_overlap_of_exactly_half_is_enough():
    """10 x 10 beside 10 x 5 inside it: 50 of 100."""
    assert match_boxes(boxes((0.0, 0, 10, 10, 1, 0)), boxes((0.0, 0, 10, 5, 1, 0))).pairs == (
        (0, 0),
    )


def test_the_places_of_matched_boxes_are_known_for_both_sides():
    first = boxes((50.0, 50, 60, 60, 0.9, 0), (0, 0, 10, 10, 0.9, 0))
    found = match_boxes(first, boxes((0.0, 0, 10, 10, 0.9, 0)))

    assert (found.matched(0), found.matched(1)) == ({1}, {0})
