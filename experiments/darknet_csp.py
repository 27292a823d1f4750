"""YOLOv4, Scaled-YOLOv4 and YOLOv7 as ``.cfg`` files, from the papers' descriptions."""

from __future__ import annotations

from collections.abc import Sequence

from darknet_writer import CfgWriter, Pairs, three
from darknet_yolo import COCO6, pyramid

ANCHORS = (
    (12, 16), (19, 36), (40, 28), (36, 75), (76, 55), (72, 146), (142, 110), (192, 243), (459, 401)
)  # fmt: skip
"""Anchors of YOLOv4, pixels."""
ANCHORS12 = (
    (13, 17), (31, 25), (24, 51), (61, 45), (48, 102), (119, 96),
    (97, 189), (217, 184), (171, 384), (324, 451), (616, 618), (800, 800),
)  # fmt: skip
"""Four anchors for each of three scales, pixels."""


def csp_stage(net: CfgWriter, width: int, count: int, *, whole: bool = False) -> int:
    """A stage of CSPDarknet (Wang et al. 2020, arXiv 1911.11929): half of it passes by.

    Args:
        net: The file.
        width: Filters of the stage.
        count: Residual blocks.
        whole: Whether both parts have all filters, as the first stage of YOLOv4 does.
    """
    part = width if whole else width // 2
    start = net.conv(width, 3, 2)
    aside = net.conv(part)
    net.route(start)
    net.conv(part)
    residuals(net, part, count, narrow=width // 2)
    net.route(net.conv(part), aside)
    return net.conv(width)


def residuals(net: CfgWriter, width: int, count: int, narrow: int | None = None) -> None:
    """Residual blocks of a convolution of one pixel and one of three."""
    for _ in range(count):
        before = net.last
        net.conv(narrow or width)
        net.conv(width, 3)
        net.plus(before)


def five(net: CfgWriter, width: int) -> int:
    """Five convolutions of 1 and 3 pixels by turns; returns the last."""
    for turn in range(5):
        net.conv(width << turn % 2, 3 if turn % 2 else 1)
    return net.last


def yolov4(side: int = 608, classes: int = 80) -> str:
    """YOLOv4 (Bochkovskiy et al. 2020, arXiv 2004.10934)."""
    net = CfgWriter(side, "mish")
    net.conv(32, 3)
    csp_stage(net, 64, 1, whole=True)
    finer = [csp_stage(net, 64 << k, n) for k, n in ((1, 2), (2, 8), (3, 8), (4, 4))]
    net.activation = "leaky"
    return panet(net, finer[1:3], classes, stretches=(1.2, 1.1, 1.05))


def panet(
    net: CfgWriter, finer: Sequence[int], classes: int, stretches: Sequence[float] = (1, 1, 1)
) -> str:
    """Pyramid pooling and the two-way pyramid (Liu et al. 2018) of YOLOv4 behind any network.

    Args:
        net: The file; its last layer is the coarsest map.
        finer: Layers of the finest and of the middle map.
        classes: Number of classes.
        stretches: ``scale_x_y`` of the finest to the coarsest head.
    """
    for width, size in ((512, 1), (1024, 3), (512, 1)):
        net.conv(width, size)
    pyramid(net)
    for width, size in ((512, 1), (1024, 3), (512, 1)):
        net.conv(width, size)
    down = [net.last]
    for width, layer in ((256, finer[1]), (128, finer[0])):
        net.conv(width)
        upper = net.up()
        net.route(layer)
        net.route(net.conv(width), upper)
        down.append(five(net, width))
    middle = 0
    for scale, width in enumerate((128, 256, 512)):
        if scale:
            net.route(down[2] if scale == 1 else middle)
            net.route(net.conv(width, 3, 2), down[2 - scale])
            five(net, width)
        middle = net.last
        net.conv(2 * width, 3)
        net.head(three(scale), ANCHORS, classes, scale_x_y=stretches[scale])
    return net.text


def yolov4_tiny(side: int = 416, classes: int = 80, scales: int = 2) -> str:
    """YOLOv4-tiny (Wang et al. 2021, arXiv 2011.08036, section 4.2), with two or three scales."""
    net = CfgWriter(side)
    net.conv(32, 3, 2)
    net.conv(64, 3, 2)
    finer = []
    for width in (64, 128, 256):
        start = net.conv(width, 3)
        net.route(start, half=1)
        first = net.conv(width // 2, 3)
        net.route(net.conv(width // 2, 3), first)
        finer.append(net.conv(width))
        net.route(start, finer[-1])
        net.pool()
    net.conv(512, 3)
    middle = net.conv(256)
    for place in range(scales):
        if place:
            net.route(middle)
            net.conv(256 >> place)
            net.route(net.up(), finer[-place])
        wide = net.conv(512 >> place, 3)
        middle = wide if place else middle
        anchors: Pairs = COCO6 if scales == 2 else ANCHORS
        mask = (1, 2, 3) if scales == 2 and place else three(scales - 1 - place)
        net.head(mask, anchors, classes, scale_x_y=1.05)
    return net.text


def csp_resnext50(side: int = 512) -> str:
    """CSPResNeXt-50 with the pyramids of YOLOv4 (Wang et al. 2020; Bochkovskiy et al. 2020)."""
    net = CfgWriter(side)
    net.conv(64, 7, 2)
    net.pool()
    finer = []
    for stage, count in enumerate((3, 3, 5, 2)):
        width = 128 << stage
        plain = "linear" if stage in (1, 2) else "leaky"
        start = net.last
        if stage:
            start = net.conv(width, 3, 2, groups=32)
        aside = net.conv(width, activation=plain)
        net.route(start)
        net.conv(width if stage else 64, activation=plain)
        for _ in range(count):
            before = net.last
            net.conv(width)
            net.conv(width, 3, groups=32)
            net.conv(width, activation="linear")
            net.plus(before, "leaky")
        net.route(net.conv(width), aside)
        finer.append(net.conv(2 * width))
    return panet(net, (finer[1], finer[2]), 80)


def scaled_yolov4(
    side: int,
    activation: str = "mish",
    *,
    wide: bool = False,
    five_stages: bool = False,
    late: bool = False,
) -> str:
    """YOLOv4-CSP, 1.25 times as wide, or P5 (Wang et al. 2021, arXiv 2011.08036, section 4).

    Args:
        side: Height and width of the input.
        activation: Activation of all convolutions.
        wide: YOLOv4x, 1.25 times as wide and 1.33 times as deep.
        five_stages: YOLOv4-P5, a CSP stage at every scale, four anchors for each head.
        late: The heads follow the whole pyramid, as in P5.
    """
    net = CfgWriter(side, activation)
    unit = 80 if wide else 64
    blocks = (3, 10, 10, 5) if wide else (3, 15, 15, 7) if five_stages else (2, 8, 8, 4)
    net.conv(32, 3)
    if five_stages:
        csp_stage(net, unit, 1)
    else:
        net.conv(unit, 3, 2)
        residuals(net, unit, 1, narrow=unit // 2)
    stages = [csp_stage(net, unit * (2 << k), n) for k, n in enumerate(blocks)]
    turns = 3 if wide or five_stages else 2
    tops = [_csp_pyramid(net, 8 * unit, 2 if wide else 1)]
    for width, layer in ((4 * unit, stages[2]), (2 * unit, stages[1])):
        net.conv(width)
        upper = net.up()
        net.route(layer)
        net.route(net.conv(width), upper)
        tops.append(_csp_neck(net, width, turns))
    if late or five_stages:
        return _late_heads(net, tops, turns, 4 if five_stages else 3)
    middle = 0
    for scale in range(3):
        width = unit * (2 << scale)
        if scale:
            net.route(middle)
            net.route(net.conv(width, 3, 2), tops[2 - scale])
            _csp_neck(net, width, turns)
        middle = net.last
        net.conv(2 * width, 3)
        new_head(net, three(scale), ANCHORS)
    return net.text


def _late_heads(net: CfgWriter, tops: Sequence[int], turns: int, each: int) -> str:
    ends = [tops[2]]
    for width, top in ((256, tops[1]), (512, tops[0])):
        net.route(net.conv(width, 3, 2), top)
        ends.append(_csp_neck(net, width, turns))
    for scale, end in enumerate(ends):
        net.route(end)
        net.conv(256 << scale, 3)
        mask = range(each * scale, each * scale + each)
        new_head(net, mask, ANCHORS12 if each == 4 else ANCHORS)
    return net.text


def new_head(net: CfgWriter, mask: Sequence[int], anchors: Pairs) -> None:
    net.head(mask, anchors, activation="logistic", scale_x_y=2.0, new_coords=1)


def _csp_pyramid(net: CfgWriter, width: int, turns: int) -> int:
    """Pyramid pooling between two parts, of which one passes by."""
    start = net.last
    aside = net.conv(width)
    net.route(start)
    net.conv(width)
    net.conv(width, 3)
    net.conv(width)
    pyramid(net)
    for _ in range(turns):
        net.conv(width)
        net.conv(width, 3)
    net.route(net.last, aside)
    return net.conv(width)


def _csp_neck(net: CfgWriter, width: int, turns: int) -> int:
    """A CSP stage without residuals, as on the way up and down the pyramid."""
    start = net.conv(width)
    aside = net.conv(width)
    net.route(start)
    for _ in range(turns):
        net.conv(width)
        net.conv(width, 3)
    net.route(net.last, aside)
    return net.conv(width)
