"""Suppression against loops: the IoU of two boxes less a power of their centres' distance."""

import pytest
import torch

from autosplit.models.networks.suppression import Detections, suppress


def shared(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return both / (areas - both)


def less_distance(a, b, beta):
    """Darknet's ``box_diounms``."""
    wide, high = max(a[2], b[2]) - min(a[0], b[0]), max(a[3], b[3]) - min(a[1], b[1])
    x, y = (a[0] + a[2] - b[0] - b[2]) / 2, (a[1] + a[3] - b[1] - b[3]) / 2
    return shared(a, b) - ((x * x + y * y) / (wide**2 + high**2)) ** beta


def boxes(count=60):
    generator = torch.Generator().manual_seed(0)
    low = torch.rand(count, 2, generator=generator) * 20
    size = torch.rand(count, 2, generator=generator) * 20 + 5
    scores = torch.rand(count, generator=generator)
    kinds = torch.randint(0, 2, (count,), generator=generator)
    return Detections(torch.cat([low, low + size], 1), scores, kinds)


@pytest.mark.parametrize(
    ("kind", "beta", "measure"),
    [
        ("default", 0.9, shared),
        ("cornersnms", 0.9, shared),
        ("greedynms", 0.9, lambda a, b: less_distance(a, b, 0.6)),
        ("diounms", 0.9, lambda a, b: less_distance(a, b, 0.9)),
    ],
)
@pytest.mark.parametrize("iou", [0.2, 0.45])
def test_the_boxes_kept_are_those_of_loops(kind, beta, measure, iou):
    found = boxes()
    kept = []
    for place in found.scores.argsort(descending=True).tolist():
        box, number = found.boxes[place].tolist(), int(found.classes[place])
        if all(
            n != number or measure(found.boxes[other].tolist(), box) <= iou for other, n in kept
        ):
            kept.append((place, number))

    result = suppress(found, iou, kind, beta)

    assert torch.equal(result.boxes, found.boxes[[place for place, _ in kept]])
    assert result.classes.tolist() == [number for _, number in kept]


def test_the_kinds_differ_on_these_boxes():
    counts = [
        len(suppress(boxes(), 0.2, kind, 0.9)) for kind in ("default", "greedynms", "diounms")
    ]

    assert counts[0] < counts[2] < counts[1]


def test_boxes_without_area_suppress_nothing():
    same = Detections(torch.zeros(2, 4), torch.tensor([0.9, 0.8]), torch.zeros(2, dtype=torch.long))

    assert len(suppress(same, 0.5, "diounms")) == 2
