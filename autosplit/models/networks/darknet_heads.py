"""Darknet's sections of heads -> how the output of the layer before is read as boxes."""

from __future__ import annotations

from collections.abc import Callable

from autosplit.errors import counted, warn
from autosplit.models.networks.darknet_options import WORDS
from autosplit.models.networks.darknet_section import Section
from autosplit.models.networks.darknet_shape import FeatureShape
from autosplit.models.networks.darknet_values import anchor_sides
from autosplit.models.networks.yolo_heads import BETA_NMS, NMS_KINDS, YoloHead

Pairs = tuple[tuple[float, float], ...]


def build_head(section: Section, shape: FeatureShape, input_shape: FeatureShape) -> YoloHead:
    """Make the head of a section.

    Args:
        section: One of the kinds in ``HEAD_BUILDERS``.
        shape: Shape of the output that the section reads.
        input_shape: Shape of the network's input.

    Raises:
        ModelError: An option is wrong, or the output has another number of channels.
    """
    head = HEAD_BUILDERS[section.kind](section, shape, input_shape)
    if shape[0] != head.channels:
        each = f"{counted(len(head.anchors), 'anchor')} of {head.box_numbers} + {head.classes}"
        if head.coding == "yolov1":
            boxes = counted(len(head.anchors), "box", "boxes")
            each = f"{head.cells}^2 cells of {head.classes} + {boxes} of 5"
        raise section.error(
            f"must read {head.channels} channels, {each}, got {shape[0]} from layer "
            f"{section.number - 1}"
        )
    return head


def check_head(section: Section) -> None:
    """Check the options of a head of which the input is not known.

    Args:
        section: One of the kinds in ``HEAD_BUILDERS``, without options that are known to be wrong.

    Raises:
        ModelError: An option is wrong.
    """
    if not section.wrong & {"anchors", "num", "mask"}:
        HEAD_BUILDERS[section.kind](section, (1, 1, 1), (1, 1, 1))


def _yolo(section: Section, shape: FeatureShape, input_shape: FeatureShape) -> YoloHead:  # noqa: ARG001 - one signature
    new = bool(section.integer("new_coords", 0))
    suppression = _suppression(section)  # first, because it warns
    return YoloHead(
        section.number,
        _masked(section),
        section.integer("classes", 20, 1),
        section.positive("scale_x_y", 1),
        "new_coords" if new else "darknet",
        *suppression,
    )


def _gaussian(section: Section, shape: FeatureShape, input_shape: FeatureShape) -> YoloHead:  # noqa: ARG001 - one signature
    if section.choice("yolo_point", WORDS["yolo_point"], "center") != "center":
        raise section.error(
            "yolo_point must be center, corners cannot be carried out", "yolo_point"
        )
    return YoloHead(
        section.number,
        _masked(section),
        section.integer("classes", 20, 1),
        section.positive("scale_x_y", 1),
        "gaussian",
        *_suppression(section),
    )


def _region(section: Section, shape: FeatureShape, input_shape: FeatureShape) -> YoloHead:
    """YOLOv2's head; its anchors count in cells of the map."""
    if section.integer("coords", 4, 1) != 4 or section.integer("background", 0):
        raise section.error("coords must be 4 and background 0, masks cannot be carried out")
    across, down = input_shape[2] / shape[2], input_shape[1] / shape[1]
    pairs = _pairs(section, section.integer("num", 1, 1))
    return YoloHead(
        section.number,
        tuple((across * width, down * height) for width, height in pairs),
        section.integer("classes", 20, 1),
        coding="region",
        softmax=bool(section.integer("softmax", 0)),
    )


def _detection(section: Section, shape: FeatureShape, input_shape: FeatureShape) -> YoloHead:  # noqa: ARG001 - one signature
    """YOLOv1's head."""
    if section.integer("coords", 1, 1) != 4:
        raise section.error(f"coords must be 4, got {section.options.get('coords', 1)}")
    if shape[1:] != (1, 1):
        raise section.error("must read a connected layer, reads a map")
    return YoloHead(
        section.number,
        ((0.0, 0.0),) * section.integer("num", 1, 1),
        section.integer("classes", 1, 1),
        coding="yolov1",
        cells=section.integer("side", 7, 1),
        squared=bool(section.integer("sqrt", 0)),
        softmax=bool(section.integer("softmax", 0)),
    )


def _suppression(section: Section) -> tuple[str, float]:
    kind = section.options.get("nms_kind", "default")
    if kind not in NMS_KINDS:
        warn(f"{section.where}: nms_kind {kind!r} is unknown, takes default, as Darknet does")
        kind = "default"
    return kind, section.positive("beta_nms", BETA_NMS)


def _masked(section: Section) -> Pairs:
    """The anchors that ``mask`` names."""
    pairs = _pairs(section, section.integer("num", 0))
    mask = section.integers("mask", tuple(range(len(pairs))))
    if not mask or not all(0 <= i < len(pairs) for i in mask):
        raise section.error(f"mask must be anchors 0 to {len(pairs) - 1}, got {mask}", "mask")
    return tuple(pairs[i] for i in mask)


def _pairs(section: Section, count: int) -> Pairs:
    """All anchors; Darknet takes half a pixel, or half a cell, for each that the file lacks."""
    sides = anchor_sides(section)
    if not sides and not count:
        raise section.error("anchors must be pairs of pixels, got 0 numbers", "anchors")
    pairs = list(zip(sides[::2], sides[1::2], strict=True))
    if len(pairs) < count:
        warn(
            f"{section.where}: has {len(pairs)} of num={count} anchors, takes 0.5 for each of the "
            "others, as Darknet does"
        )
        pairs += [(0.5, 0.5)] * (count - len(pairs))
    return tuple(pairs)


HEAD_BUILDERS: dict[str, Callable[[Section, FeatureShape, FeatureShape], YoloHead]] = {
    "yolo": _yolo,
    "Gaussian_yolo": _gaussian,
    "region": _region,
    "detection": _detection,
}
"""Kind of section -> the function that makes its head."""
