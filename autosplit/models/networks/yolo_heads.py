"""How the output of a network is read as boxes: records of heads, without torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

NMS_KINDS = ("default", "greedynms", "diounms", "cornersnms")
"""How overlapping boxes are dropped, as ``nms_kind`` names it."""
SHOWN_CONFIDENCE = 0.25
"""Least score of a box that is shown; accuracy is measured with boxes of lower scores too."""
BETA_NMS = 0.6
"""Exponent of the distance of centres unless ``beta_nms`` says otherwise."""


@dataclass(frozen=True, slots=True)
class YoloHead:
    """A head of boxes: how its feature map is read.

    Attributes:
        layer: Number of the section; it reads the output of the layer before.
        anchors: Width and height of each anchor, pixels of the network's input; empty where there
            are no anchors.
        classes: Number of classes.
        scale_x_y: Factor by which the place of a centre in its cell is stretched about the middle.
        coding: How numbers are made a box: one of ``yolo_boxes.CODINGS``, or of
            ``free_boxes.FREE_CODINGS``, which have no anchors.
        nms_kind: One of ``NMS_KINDS``.
        beta_nms: Exponent of the distance of centres in ``diounms``.
        cells: Rows and columns of the grid where the output is no map (YOLOv1).
        squared: Whether the sizes of boxes are squared (YOLOv1's ``sqrt``).
        softmax: Whether probabilities of classes are a softmax (YOLOv2), else each is a sigmoid.
        read: Reads boxes of all outputs at once (outputs, confidence, IoU), where a library has its
            own way; None: ``coding`` says how.
    """

    layer: int
    anchors: tuple[tuple[float, float], ...]
    classes: int
    scale_x_y: float = 1.0
    coding: str = "darknet"
    nms_kind: str = "default"
    beta_nms: float = BETA_NMS
    cells: int = 0
    squared: bool = False
    softmax: bool = False
    read: Callable[..., Any] | None = None

    @property
    def box_numbers(self) -> int:
        """Numbers of an anchor before the classes: the box, and its objectness."""
        return 9 if self.coding == "gaussian" else 5

    @property
    def channels(self) -> int:
        """Channels of the output: for each anchor a box, its objectness, and the classes."""
        if self.coding == "yolov1":
            return self.cells**2 * (self.classes + 5 * len(self.anchors))
        return len(self.anchors) * (self.box_numbers + self.classes)
