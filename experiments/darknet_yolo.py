"""YOLO versions 1 to 3 as ``.cfg`` files, from the papers' descriptions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from darknet_classifiers import darknet19_body, darknet53_body, extraction_body
from darknet_writer import CfgWriter, Pairs, three

COCO9 = (
    (10, 13), (16, 30), (33, 23), (30, 61), (62, 45), (59, 119), (116, 90), (156, 198), (373, 326)
)  # fmt: skip
"""Anchors of YOLOv3 (Redmon and Farhadi 2018, section 2.3), pixels."""
COCO6 = ((10, 14), (23, 27), (37, 58), (81, 82), (135, 169), (344, 319))
"""Anchors of YOLOv3-tiny, pixels."""
CELLS5 = ((0.57, 0.68), (1.87, 2.06), (3.34, 5.47), (7.88, 3.53), (9.77, 9.17))
"""Anchors of YOLOv2, cells."""


def yolov1() -> str:
    """YOLO (Redmon et al. 2016, figure 3) with a locally connected layer, 3 boxes per cell."""
    net = CfgWriter(448)
    extraction_body(net)
    for stride in (1, 2, 1, 1):
        net.conv(1024, 3, stride)
    net.add("local", size=3, stride=1, pad=1, filters=256, activation="leaky")
    net.add("dropout", probability=0.5)
    return _cells(net, 3)


def yolov1_tiny() -> str:
    """The smaller YOLO of Darknet, 2 boxes per cell."""
    net = CfgWriter(448)
    _small_body(net, 5)
    for filters in (512, 1024, 256):
        net.conv(filters, 3)
        if filters == 512:
            net.pool()
    return _cells(net, 2)


def _cells(net: CfgWriter, boxes: int) -> str:
    net.add("connected", output=49 * (20 + 5 * boxes), activation="linear")
    net.add("detection", classes=20, coords=4, side=7, num=boxes, sqrt=1, softmax=0)
    return net.text


def _small_body(net: CfgWriter, stages: int) -> list[int]:
    """Convolutions and poolings by turns, 16 filters first; returns the convolutions."""
    ends = []
    for stage in range(stages):
        ends.append(net.conv(16 << stage, 3))
        net.pool()
    return ends


def yolov2(side: int, classes: int, *, narrowed: bool = True) -> str:
    """YOLOv2 (Redmon and Farhadi 2017): Darknet-19, and the finer map put on top by ``reorg``.

    Args:
        side: Height and width of the input.
        classes: Number of classes.
        narrowed: Whether the finer map is made 64 channels first, as in all but the first version.
    """
    net = CfgWriter(side)
    fine = darknet19_body(net)
    for _ in range(2):
        net.conv(1024, 3)
    coarse = net.last
    net.route(fine)
    if narrowed:
        net.conv(64)
    net.route(net.add("reorg", stride=2), coarse)
    net.conv(1024, 3)
    return _region(net, classes)


def yolov2_tiny(classes: int, wide: int) -> str:
    """The tiny YOLOv2; its last convolution but one has ``wide`` filters."""
    net = CfgWriter(416)
    _small_body(net, 5)
    net.conv(512, 3)
    net.pool(2, 1)
    net.conv(1024, 3)
    net.conv(wide, 3)
    return _region(net, classes)


def _region(net: CfgWriter, classes: int) -> str:
    net.plain(5 * (5 + classes))
    anchors = ",".join(f"{width},{height}" for width, height in CELLS5)
    net.add("region", anchors=anchors, classes=classes, coords=4, num=5, softmax=1)
    return net.text


def yolov3_heads(
    net: CfgWriter,
    finer: Sequence[int],
    classes: int,
    kind: str = "yolo",
    anchors: Pairs = COCO9,
    widths: Sequence[int] | None = None,
    *,
    spp: bool = False,
) -> str:
    """The heads of YOLOv3 behind any network, the coarsest first.

    Args:
        net: The file; its last layer is the coarsest map.
        finer: Layers of the finer maps, the coarser first.
        classes: Number of classes.
        kind: Section of the heads.
        anchors: Three for each head, the finest first.
        widths: Filters of the convolutions of one pixel of each head.
        spp: Whether the coarsest head pools over 5, 9 and 13 pixels (He et al. 2014).
    """
    widths = widths or [512 >> place for place in range(len(finer) + 1)]
    middle = 0
    for place, width in enumerate(widths):
        if place:
            net.route(middle)
            net.conv(max(width, 128))
            net.route(net.up(), finer[place - 1])
        for turn in range(3):
            middle = net.conv(width)
            if spp and not place and turn == 1:
                middle = pyramid(net)
                net.conv(width)
            net.conv(2 * width, 3)
        net.head(three(len(finer) - place), anchors, classes, kind)
    return net.text


def pyramid(net: CfgWriter, *, rising: bool = False) -> int:
    """Concatenate the last layer with its maxima over 5, 9 and 13 pixels, the widest first."""
    start, pooled = net.last, []
    for size in (5, 9, 13):
        if pooled:
            net.route(start)
        pooled.append(net.pool(size, 1))
    return net.route(start, *pooled) if rising else net.route(*reversed(pooled), start)


def yolov3(side: int = 608, classes: int = 80, kind: str = "yolo", *, spp: bool = False) -> str:
    """YOLOv3, with spatial pyramid pooling or another kind of head if asked for."""
    net = CfgWriter(side)
    ends = darknet53_body(net)
    return yolov3_heads(net, ends[3:1:-1], classes, kind, spp=spp)


def yolov3_5l() -> str:
    """YOLOv3 with heads at five scales."""
    net = CfgWriter(416)
    ends = darknet53_body(net)
    anchors = tuple((4 * (i + 1), 4 * (i + 1)) for i in range(15))
    return yolov3_heads(net, ends[3::-1], 80, "yolo", anchors, [512, 256, 128, 64, 32])


def yolov3_tiny(classes: int = 80, side: int = 416, scales: int = 2) -> str:
    """YOLOv3-tiny, with heads at two or three scales."""
    net = CfgWriter(side)
    finer = _small_body(net, 5)[::-1]
    net.conv(512, 3)
    net.pool(2, 1)
    net.conv(1024, 3)
    return tiny_heads(net, finer[: scales - 1], classes)


def tiny_heads(
    net: CfgWriter,
    finer: Sequence[int],
    classes: int = 80,
    wide: Callable[[int], object] | None = None,
) -> str:
    """The heads of YOLOv3-tiny behind any network.

    Args:
        net: The file; its last layer is the coarsest map.
        finer: Layers of the finer maps, the coarser first.
        classes: Number of classes.
        wide: Adds the convolution of 3 pixels of so many filters.
    """
    wide = wide or (lambda filters: net.conv(filters, 3))
    anchors = COCO9 if len(finer) == 2 else COCO6
    middle = net.conv(256)
    for place in range(len(finer) + 1):
        if place:
            net.route(middle)
            net.conv(128)
            net.route(net.up(), finer[place - 1])
        wide(512 >> place)
        middle = net.last
        if not place:
            middle -= 1
        net.head(three(len(finer) - place), anchors, classes)
    return net.text


def yolov3_tiny_prn() -> str:
    """YOLOv3-tiny with partial residuals (Wang et al. 2019): sums instead of concatenations."""
    net = CfgWriter(416)
    fine = _small_body(net, 5)[-1]
    before = net.conv(512, 3)
    net.pool(2, 1)
    net.conv(512, 3)
    net.plus(before, "leaky")
    return prn_heads(net, fine)


def prn_heads(net: CfgWriter, fine: int) -> str:
    """Heads of two scales with partial residuals behind any network."""
    first = net.conv(256)
    net.conv(256, 3)
    middle = net.plus(first, "leaky")
    net.head((3, 4, 5), COCO6)
    net.route(middle - 1)
    net.conv(128)
    first = net.up()
    net.plus(fine, "leaky")
    net.conv(128, 3)
    net.plus(first, "leaky")
    net.plus(fine, "leaky")
    net.head((1, 2, 3), COCO6)
    return net.text
