"""A head says how many numbers it reads."""

import pytest

from autosplit.models.networks.yolo_heads import YoloHead

PAIRS = ((1.0, 2.0), (3.0, 4.0))


@pytest.mark.parametrize(
    ("coding", "channels"),
    [("darknet", 2 * 8), ("new_coords", 2 * 8), ("region", 2 * 8), ("gaussian", 2 * 12)],
)
def test_a_map_has_the_numbers_of_every_anchor(coding, channels):
    assert YoloHead(0, PAIRS, 3, coding=coding).channels == channels


def test_yolov1_has_one_set_of_classes_a_cell():
    # YOLOv1: 7 x 7 cells of 20 classes and 2 boxes, 1470 numbers (Redmon et al. 2016, section 2)
    assert YoloHead(0, PAIRS, 20, coding="yolov1", cells=7).channels == 1470
