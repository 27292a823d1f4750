"""Small maps of YOLO heads for tests of losses, and the objects on them."""

import torch

from autosplit.compress.yolo_loss import YoloLoss
from autosplit.data.coco import Truth
from autosplit.models.networks.yolo_heads import YoloHead

SMALL = YoloHead(1, ((4.0, 4.0), (8.0, 4.0)), 2)
LARGE = YoloHead(3, ((16.0, 16.0),), 2)


def unmoved(width, height):
    return 0, 0, width, height


def loss_of(boxes="ciou", heads=(SMALL,), place=unmoved):
    return YoloLoss(heads, (16, 16), place, boxes)


def truth(*boxes, classes=None, size=(16, 16), crowds=()):
    kinds = classes or (0,) * len(boxes)
    return Truth(*size, boxes, kinds, tuple(w * h for _, _, w, h in boxes), crowds)


def maps(*heads, side=4, low=-20.0):
    """Outputs that find nothing: objectness of about 0, boxes in the middle of their cells."""
    found = []
    for head in heads:
        raw = torch.zeros(1, len(head.anchors), 5 + head.classes, side, side)
        raw[:, :, 4:] = low
        found.append(raw.flatten(1, 2))
    return found


def put(output, head, anchor, row, column, numbers):
    each = 5 + head.classes
    output[0, anchor * each : (anchor + 1) * each, row, column] = torch.tensor(numbers)
