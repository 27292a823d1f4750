"""Raw numbers of anchors -> boxes, and the probability of each class: one function a coding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from autosplit.models.networks.yolo_heads import YoloHead


@dataclass(frozen=True, slots=True)
class AnchorGrid:
    """Which anchors of which cells raw numbers are of.

    Attributes:
        cells: Anchor, row and column of each, shape (n, 3).
        rows, columns: Size of the feature map.
        input_size: Height and width of the network's input, pixels.
    """

    cells: Tensor
    rows: int
    columns: int
    input_size: tuple[int, int]


def boxes_of(raw: Tensor, head: YoloHead, grid: AnchorGrid) -> Tensor:
    """Compute boxes as left, top, right and bottom in pixels of the input, shape (n, 4).

    With t the raw numbers of an anchor (a, b) at cell (i, j) of a W x H map and s = ``scale_x_y``,
    the centre is ((s * p(tx) - (s - 1) / 2 + i) / W, likewise y) (Bochkovskiy et al. 2020, section
    3.4, "eliminate grid sensitivity").

    ============= ================= ====================== =================================
    coding        p                 width                  source
    ============= ================= ====================== =================================
    ``darknet``   sigmoid           a * exp(tw)            Redmon & Farhadi 2018, section 2.1
    ``region``    sigmoid           a * exp(tw)            Redmon & Farhadi 2017, section 2
    ``gaussian``  sigmoid           a * exp(tw)            Choi et al. 2019, equation 3
    ``new_coords``  identity        4 * a * tw^2           ``get_yolo_box`` of Darknet
    ``scaled``    sigmoid           4 * a * sigmoid(tw)^2  Wang et al. 2021, ScaledYOLOv4
    ============= ================= ====================== =================================

    Args:
        raw: Numbers of each anchor, shape (n, 5 + classes) or (n, 9 + classes).
        head: The head that they are of.
        grid: Where they are.
    """
    step = torch.tensor(
        [grid.input_size[1] / grid.columns, grid.input_size[0] / grid.rows], dtype=raw.dtype
    )
    centre, size = raw[:, 0:2], raw[:, 2:4]
    if head.coding == "gaussian":
        centre, size = raw[:, 0:4:2], raw[:, 4:8:2]
    stretch = head.scale_x_y
    inside = centre if head.coding == "new_coords" else centre.sigmoid()
    inside = inside * stretch - (stretch - 1) / 2
    middle = (inside + grid.cells[:, [2, 1]]) * step
    anchors = torch.tensor(head.anchors, dtype=raw.dtype)[grid.cells[:, 0]]
    half = _SIZES[head.coding](size) * anchors / 2
    return torch.cat([middle - half, middle + half], 1)


def class_scores(raw: Tensor, head: YoloHead) -> Tensor:
    """Probability of each class given that there is something, 0..1, shape (..., classes).

    Choi et al. 2019 (Gaussian YOLOv3, equation 8) multiply by one minus the mean of the box's four
    uncertainties.

    Args:
        raw: Numbers of each anchor, shape (..., 5 + classes) or (..., 9 + classes).
        head: The head that they are of.
    """
    numbers = raw[..., head.box_numbers :]
    if head.coding == "new_coords":
        return numbers
    probabilities = numbers.softmax(-1) if head.softmax else numbers.sigmoid()
    if head.coding == "gaussian":
        uncertain = raw[..., 1:8:2].sigmoid().mean(-1, keepdim=True)
        probabilities = probabilities * (1 - uncertain)
    return probabilities


def objectness_of(raw: Tensor, head: YoloHead) -> Tensor:
    """How sure it is that there is something, 0..1, shape (...)."""
    number = raw[..., head.box_numbers - 1]
    return number if head.coding == "new_coords" else number.sigmoid()


def read_grid_cells(
    output: Tensor, head: YoloHead, input_size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes of YOLOv1: all numbers of one kind stand together (``get_detection_detections``).

    Classes of each cell, then the objectness of each box of each cell, then the boxes: centre in
    the cell, and size as a share of the picture, or its root with ``squared``.

    Args:
        output: Shape (N, cells^2 * (classes + 5 * boxes), ...).
        head: The head, its coding is ``yolov1``.
        input_size: Height and width of the network's input, pixels.

    Returns:
        Boxes as left, top, right, bottom in pixels of the input (N, B, 4); objectness (N, B);
        probabilities of the classes (N, B, C).
    """
    side, each, classes = head.cells, len(head.anchors), head.classes
    flat, cells = output.flatten(1), side * side
    kinds, sure, raw = flat.split([cells * classes, cells * each, cells * each * 4], 1)
    kinds = kinds.view(-1, cells, 1, classes)
    kinds = (kinds.softmax(-1) if head.softmax else kinds).expand(-1, -1, each, -1)
    raw = raw.view(-1, side, side, each, 4)
    places = torch.arange(side, dtype=raw.dtype)
    x = (raw[..., 0] + places[None, None, :, None]) / side
    y = (raw[..., 1] + places[None, :, None, None]) / side
    size = raw[..., 2:].square() if head.squared else raw[..., 2:]
    centre = torch.stack([x, y], -1)
    pixels = torch.tensor([input_size[1], input_size[0]] * 2, dtype=raw.dtype)
    boxes = torch.cat([centre - size / 2, centre + size / 2], -1) * pixels
    count = cells * each
    return boxes.view(-1, count, 4), sure, kinds.reshape(-1, count, classes)


def _power(raw: Tensor) -> Tensor:
    return raw.exp()


_SIZES: dict[str, Callable[[Tensor], Tensor]] = {
    "darknet": _power,
    "region": _power,
    "gaussian": _power,
    "new_coords": lambda raw: (2 * raw).square(),
    "scaled": lambda raw: (2 * raw.sigmoid()).square(),
}
"""Coding -> the factor of the anchor's size."""
CODINGS: Sequence[str] = (*_SIZES, "yolov1")
"""How the numbers of an anchor are made a box."""
