"""Boxes of YOLO heads against loops over every cell, and suppression against a quadratic one."""

import math

import pytest
import torch

from autosplit.models.networks.yolo_decode import YoloHead, decode, detect_objects

HEADS = (
    YoloHead(3, ((30.0, 61.0), (62.0, 45.0)), 3),
    YoloHead(9, ((10.0, 13.0),), 3, scale_x_y=1.05),
)


def outputs(seed=0, batch=2):
    generator = torch.Generator().manual_seed(seed)
    shapes = [(batch, 16, 2, 3), (batch, 8, 4, 6)]
    return [torch.randn(shape, generator=generator) for shape in shapes]


def logistic(x):
    return 1 / (1 + math.exp(-x))


def by_loops(maps, image, height, width):
    """Box, objectness and classes of every anchor of every cell, as the papers write them."""
    for output, head in zip(maps, HEADS, strict=True):
        rows, columns = output.shape[2:]
        for a, (wide, high) in enumerate(head.anchors):
            for row in range(rows):
                for column in range(columns):
                    t = output[image, 8 * a : 8 * a + 8, row, column].tolist()
                    s = head.scale_x_y
                    x = (s * logistic(t[0]) - (s - 1) / 2 + column) * width / columns
                    y = (s * logistic(t[1]) - (s - 1) / 2 + row) * height / rows
                    w, h = wide * math.exp(t[2]), high * math.exp(t[3])
                    box = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
                    yield box, logistic(t[4]), [logistic(c) for c in t[5:]]


def overlap(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return both / (sum(areas) - both)


def suppressed(found, iou):
    """Keep the best, drop what overlaps it and is of its class, and go on."""
    kept = []
    for score, kind, box in sorted(found, key=lambda item: -item[0]):
        if all(kind != k or overlap(box, b) <= iou for _, k, b in kept):
            kept.append((score, kind, box))
    return kept


def test_boxes_are_those_of_the_papers():
    maps = outputs()

    boxes, objectness, classes = decode(maps, HEADS, (64, 96))

    for image in range(2):
        expected = list(by_loops(maps, image, 64, 96))
        torch.testing.assert_close(boxes[image], torch.tensor([e[0] for e in expected]))
        torch.testing.assert_close(objectness[image], torch.tensor([e[1] for e in expected]))
        torch.testing.assert_close(classes[image], torch.tensor([e[2] for e in expected]))


@pytest.mark.parametrize(("confidence", "iou"), [(0.25, 0.45), (0.4, 0.1), (0.001, 0.9), (0.99, 0)])
def test_detections_are_those_of_a_quadratic_suppression(confidence, iou):
    maps = outputs(1)

    found = detect_objects(maps, HEADS, (64, 96), confidence, iou)

    for image in range(2):
        candidates = [
            (objectness * p, kind, box)
            for box, objectness, classes in by_loops(maps, image, 64, 96)
            for kind, p in enumerate(classes)
            if objectness * p >= confidence
        ]
        expected = suppressed(candidates, iou)
        got = found[image]
        assert len(got) == len(expected)
        assert got.classes.tolist() == [kind for _, kind, _ in expected]
        assert got.scores.tolist() == pytest.approx([score for score, *_ in expected], rel=1e-5)
        for box, (_, _, want) in zip(got.boxes.tolist(), expected, strict=True):
            assert box == pytest.approx(want, rel=1e-4, abs=1e-3)


def test_nothing_above_the_score_is_nothing_found():
    (found,) = detect_objects([o.fill_(-20) for o in outputs(batch=1)], HEADS, (64, 96))

    assert len(found) == 0
    assert found.boxes.shape == (0, 4)


def test_a_map_of_another_head_is_refused():
    maps = outputs()

    with pytest.raises(ValueError, match=r"yolo 3: must read \(N, 16, H, W\), got \(2, 8, 4, 6\)"):
        decode(maps[::-1], HEADS, (64, 96))


def test_a_head_of_new_coords_finds_boxes_of_the_size_that_darknet_finds():
    """64 boxes of 10 x 14 pixels and score 1, one a cell, as AlexeyAB's Darknet finds them."""
    head = YoloHead(3, ((10.0, 14.0), (23.0, 27.0)), 1, 2.0, "new_coords")
    output = torch.full((1, 12, 8, 8), 0.5)
    output[:, 4:6] = 1  # objectness and class of the first anchor
    output[:, 10] = 0

    (found,) = detect_objects([output], [head], (64, 64))

    assert len(found) == 64
    assert found.scores.tolist() == [1] * 64
    sizes = found.boxes[:, 2:] - found.boxes[:, :2]
    torch.testing.assert_close(sizes, torch.tensor([[10.0, 14.0]]).expand(64, 2))
    centres = (found.boxes[:, 2:] + found.boxes[:, :2]) / 2
    assert sorted(set(centres[:, 0].tolist())) == [4, 12, 20, 28, 36, 44, 52, 60]


def test_the_last_head_says_how_boxes_suppress_each_other():
    """Two boxes of IoU 1 / 3: kept at .3 where the distance of their centres counts."""
    output = torch.full((1, 6, 1, 2), -20.0)
    output[0, :2], output[0, 2:4], output[0, 4:] = 0, 0, 9
    for kind, count in (("default", 1), ("greedynms", 2), ("diounms", 2)):
        head = YoloHead(0, ((64.0, 32.0),), 1, nms_kind=kind)
        (found,) = detect_objects([output], [head], (32, 64), 0.5, 0.3)
        assert len(found) == count


def test_yolov1_is_read_too():
    head = YoloHead(0, ((0.0, 0.0),), 1, coding="yolov1", cells=1)

    (found,) = detect_objects([torch.tensor([[0.5, 0.8, 0.5, 0.5, 0.5, 1.0]])], [head], (10, 20))

    assert found.boxes.tolist() == [[5, 0, 15, 10]]
    assert found.scores.tolist() == pytest.approx([0.4])
