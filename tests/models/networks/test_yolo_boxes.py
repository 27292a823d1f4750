"""The box of each coding, written out number by number."""

import math

import pytest
import torch

from autosplit.models.networks.yolo_boxes import (
    CODINGS,
    AnchorGrid,
    boxes_of,
    class_scores,
    objectness_of,
    read_grid_cells,
)
from autosplit.models.networks.yolo_heads import YoloHead

ANCHOR = (10.0, 14.0)


def logistic(x):
    return 1 / (1 + math.exp(-x))


def expected_box(coding, x, y, w, h, s):
    """Centre and size in a map of 4 x 8 cells of an input of 32 x 64, at row 1, column 2."""
    inside = [v if coding == "new_coords" else logistic(v) for v in (x, y)]
    cx, cy = ((v * s - (s - 1) / 2 + place) * 8 for v, place in zip(inside, (2, 1), strict=True))
    power = {
        "new_coords": lambda v: 4 * v * v,
        "scaled": lambda v: 4 * logistic(v) ** 2,
    }.get(coding, math.exp)
    wide, high = ANCHOR[0] * power(w), ANCHOR[1] * power(h)
    return [cx - wide / 2, cy - high / 2, cx + wide / 2, cy + high / 2]


@pytest.mark.parametrize("coding", [coding for coding in CODINGS if coding != "yolov1"])
@pytest.mark.parametrize("stretch", [1.0, 2.0])
def test_a_box_is_what_its_coding_says(coding, stretch):
    head = YoloHead(0, ((1.0, 1.0), ANCHOR), 2, stretch, coding)
    numbers = [0.3, -0.2, 0.4, 0.1]
    raw = [0.3, 5, -0.2, 6, 0.4, 7, 0.1, 8] if coding == "gaussian" else numbers
    raw = torch.tensor([raw + [0.0] * 3])
    grid = AnchorGrid(torch.tensor([[1, 1, 2]]), 4, 8, (32, 64))

    (found,) = boxes_of(raw, head, grid).tolist()

    assert found == pytest.approx(expected_box(coding, *numbers, stretch), rel=1e-5)


def test_scores_are_sigmoids_a_softmax_or_what_the_network_gives():
    raw = torch.tensor([0, 0, 0, 0, 1.5, 2.0, -1.0])
    both = [math.exp(2) / (math.exp(2) + math.exp(-1)), math.exp(-1) / (math.exp(2) + math.exp(-1))]

    def read(**options):
        head = YoloHead(0, (ANCHOR,), 2, **options)
        return float(objectness_of(raw, head)), class_scores(raw, head).tolist()

    sure, classes = read()
    assert sure == pytest.approx(logistic(1.5))
    assert classes == pytest.approx([logistic(2), logistic(-1)])
    assert read(coding="region", softmax=True)[1] == pytest.approx(both)
    assert read(coding="new_coords") == (1.5, [2, -1])


def test_an_uncertain_box_of_gaussian_yolo_scores_less():
    raw = torch.tensor([0, 1.0, 0, 2.0, 0, -1.0, 0, 0.5, 3.0, 0.7])
    head = YoloHead(0, (ANCHOR,), 1, coding="gaussian")
    uncertain = sum(map(logistic, (1.0, 2.0, -1.0, 0.5))) / 4

    assert float(objectness_of(raw, head)) == pytest.approx(logistic(3))
    assert class_scores(raw, head).tolist() == pytest.approx([logistic(0.7) * (1 - uncertain)])


@pytest.mark.parametrize("squared", [False, True])
def test_yolov1_reads_classes_then_objectness_then_boxes(squared):
    """Loops of Darknet's ``get_detection_detections``."""
    side, boxes, classes = 3, 2, 4
    head = YoloHead(0, ((0.0, 0.0),) * boxes, classes, coding="yolov1", cells=side, squared=squared)
    numbers = torch.rand(head.channels, generator=torch.Generator().manual_seed(0)).tolist()

    found, sure, kinds = read_grid_cells(torch.tensor([numbers]), head, (30, 60))

    for cell in range(side * side):
        row, column = divmod(cell, side)
        for n in range(boxes):
            index = cell * boxes + n
            at = side * side * (classes + boxes) + 4 * index
            x, y = (numbers[at] + column) / side * 60, (numbers[at + 1] + row) / side * 30
            w, h = (v**2 if squared else v for v in numbers[at + 2 : at + 4])
            box = [x - w * 30, y - h * 15, x + w * 30, y + h * 15]
            assert found[0, index].tolist() == pytest.approx(box, rel=1e-4, abs=1e-4)
            assert float(sure[0, index]) == pytest.approx(numbers[side * side * classes + index])
            own = numbers[cell * classes : (cell + 1) * classes]
            assert kinds[0, index].tolist() == pytest.approx(own)
