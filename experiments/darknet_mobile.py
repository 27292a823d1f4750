"""MobileNets and EfficientNet as ``.cfg`` files, as classifiers and under the heads of YOLO.

The networks are written from the papers' tables; the heads of ``seed`` networks as their users
describe them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from darknet_writer import CfgWriter, classify
from darknet_yolo import prn_heads, tiny_heads, yolov3_heads

V1 = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)) + ((512, 1),) * 5 + (
    (1024, 2), (1024, 1)
)  # fmt: skip
"""Filters and strides of MobileNetV1 (Howard et al. 2017, arXiv 1704.04861, table 1)."""
V2 = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
      (6, 320, 1, 1))  # fmt: skip
"""Expansion, filters, blocks and stride (Sandler et al. 2018, arXiv 1801.04381, table 2)."""
B0 = ((16, 3, 1, 1), (24, 3, 2, 2), (40, 5, 2, 2), (80, 3, 3, 1), (112, 5, 3, 2), (192, 5, 4, 2),
      (320, 3, 1, 1))  # fmt: skip
"""Filters, size, blocks and stride of EfficientNet-B0 (Tan and Le 2019, 1905.11946, table 1)."""
B0_WIDE = {32: 32, 16: 96, 24: 144, 40: 192, 80: 384, 112: 576, 192: 960}
"""Channels -> filters in the middle; Darknet has six times those of MobileNetV2."""
B0_SQUEEZED = {32: 8, 96: 16, 144: 8, 192: 16, 384: 24, 576: 32, 960: 64}
"""Filters in the middle -> filters of the squeeze."""


@dataclass(frozen=True)
class Bottleneck:
    """One block of MobileNetV3 (Howard et al. 2019, arXiv 1905.02244, tables 1 and 2).

    Attributes:
        size: Pixels of the depthwise convolution.
        wide: Filters in the middle.
        filters: Filters of the output.
        attention: Whether it squeezes and excites.
        activation: Activation in the middle.
        stride: Stride.
    """

    size: int
    wide: int
    filters: int
    attention: bool
    activation: str
    stride: int


def _bottlenecks(text: str) -> tuple[Bottleneck, ...]:
    """Read blocks: size, middle, filters, then S for attention, R or H, and the stride."""
    found = []
    for block in text.split():
        size, wide, filters, kind, stride = block.split(":")
        activation = "relu6" if "R" in kind else "h_swish"
        shape = int(size), int(wide), int(filters)
        found.append(Bottleneck(*shape, "S" in kind, activation, int(stride)))
    return tuple(found)


LARGE = _bottlenecks(
    "3:16:16:R:1 3:64:24:R:2 3:72:24:R:1 5:72:40:RS:2 5:120:40:RS:1 5:120:40:RS:1 3:240:80:H:2 "
    "3:200:80:H:1 3:184:80:H:1 3:184:80:H:1 3:480:112:HS:1 3:672:112:HS:1 5:672:160:HS:2 "
    "5:960:160:HS:1 5:960:160:HS:1"
)
"""MobileNetV3-Large."""
SMALL = _bottlenecks(
    "3:16:16:RS:2 3:72:24:R:2 3:88:24:R:1 5:96:40:HS:2 5:240:40:HS:1 5:240:40:HS:1 5:120:48:HS:1 "
    "5:144:48:HS:1 5:288:96:HS:2 5:576:96:HS:1 5:576:96:HS:1"
)
"""MobileNetV3-Small."""


def depthwise(net: CfgWriter, width: int, size: int, stride: int, activation: str) -> int:
    """Add a section of a depthwise convolution."""
    options = {"batch_normalize": 1, "filters": width, "size": size, "stride": stride, "pad": 1}
    return net.add("depthwise", **options, activation=activation)


def v3_body(net: CfgWriter, blocks: Sequence[Bottleneck]) -> dict[int, int]:
    """The body of a MobileNetV3; returns the last layer of each number of filters."""
    ends, channels = {}, 16
    net.conv(16, 3, 2, activation="h_swish")
    for block in blocks:
        before = net.last
        net.conv(block.wide, activation=block.activation)
        depthwise(net, block.wide, block.size, block.stride, block.activation)
        if block.attention:
            net.add("se", filters=block.wide)
        net.conv(block.filters, activation="linear")
        if block.stride == 1 and channels == block.filters:
            net.plus(before)
        channels = block.filters
        ends[channels] = net.last
    return ends


def yolov3_mobilenet() -> str:
    """MobileNetV3-Large under the heads of YOLOv3, as seed 002 has it."""
    net = CfgWriter(416)
    ends = v3_body(net, LARGE)
    net.conv(1024, activation="h_swish")
    return yolov3_heads(net, (ends[112], ends[40]), 80)


def yolov3tiny_mobilenet_small() -> str:
    """MobileNetV3-Small under the heads of YOLOv3-tiny, as seed 002 has it."""
    net = CfgWriter(416)
    ends = v3_body(net, SMALL)
    net.conv(1024, activation="h_swish")
    return tiny_heads(net, (ends[48],))


def v1_body(net: CfgWriter, part: int = 1) -> dict[int, int]:
    """The body of MobileNetV1, ``1 / part`` as wide; returns the last layer of each stride."""
    ends, stride, channels = {}, 2, 32 // part
    net.conv(channels, 3, 2)
    for filters, step in V1:
        net.conv(channels, 3, step, groups=channels)
        channels = filters // part
        stride *= step
        ends[stride] = net.conv(channels)
    return ends


def v2_body(net: CfgWriter) -> dict[int, int]:
    """The body of MobileNetV2; returns the last layer of each stride."""
    ends, stride, channels = {}, 2, 32
    net.conv(32, 3, 2)
    for expansion, filters, count, step in V2:
        for block in range(count):
            before, by = net.last, 1 if block else step
            wide = expansion * channels
            if expansion > 1:
                net.conv(wide)
            net.conv(wide, 3, by, groups=wide)
            net.conv(filters, activation="linear")
            if block:
                net.plus(before)
            channels, stride = filters, stride * by
            ends[stride] = net.last
    return ends


def mobilenet_v1() -> str:
    """MobileNetV1, the classifier."""
    net = CfgWriter(224, "relu6")
    v1_body(net)
    return classify(net)


def mobilenet_v2() -> str:
    """MobileNetV2, the classifier."""
    net = CfgWriter(224, "relu6")
    v2_body(net)
    net.conv(1280)
    return classify(net)


def yolov3_mobilenet_v1() -> str:
    """MobileNetV1 under the heads of YOLOv3: ``YOLOv3-Mobilenet`` of seed 003."""
    net = CfgWriter(320)
    with net.activated("relu6"):
        ends = v1_body(net)
    return yolov3_heads(net, (ends[16], ends[8]), 80)


def yolov3_mobilenet_v2() -> str:
    """MobileNetV2 under the heads of YOLOv3: ``YOLOv3-MobilenetV2`` of seed 003."""
    net = CfgWriter(320)
    with net.activated("relu6"):
        ends = v2_body(net)
        net.conv(1280)
    return yolov3_heads(net, (ends[16], ends[8]), 80)


def yolov3_lite() -> str:
    """Half as wide MobileNetV1, depthwise heads of two scales: ``YOLOv3-Lite`` of seed 003."""
    net = CfgWriter(320)
    with net.activated("relu6"):
        ends = v1_body(net, 2)

    def separable(filters: int) -> int:
        width = 256 if filters == 512 else 128 + 256
        net.conv(width, 3, groups=width)
        return net.conv(filters)

    return tiny_heads(net, (ends[16],), wide=separable)


def yolov3_tiny_mobilenet() -> str:
    """MobileNetV1 under the heads of YOLOv3-tiny: ``YOLOv3-Tiny-MobileNet`` of seed 003."""
    net = CfgWriter(320)
    with net.activated("relu6"):
        ends = v1_body(net)
    return tiny_heads(net, (ends[16],))


def b0_body(net: CfgWriter, dropped: float) -> dict[int, int]:
    """The body of EfficientNet-B0 as Darknet has it.

    Returns:
        Filters in the middle of a block -> the last layer that widens to so many.
    """
    channels, wides = 32, {}
    net.conv(32, 3, 2)
    for filters, size, count, step in B0:
        for block in range(count):
            before, wide = net.last, B0_WIDE[channels]
            wides[wide] = net.conv(wide)
            deep = net.conv(wide, size, 1 if block else step, groups=wide)
            net.add("avgpool")
            net.plain(B0_SQUEEZED[wide], "swish")
            net.plain(wide, "logistic")
            net.add("scale_channels", **{"from": deep})
            net.conv(filters, activation="linear")
            if block:
                net.add("dropout", probability=dropped)
                net.plus(before)
            channels = filters
    net.conv(1280)
    return wides


def efficientnet_b0() -> str:
    """EfficientNet-B0 as Darknet has it, the classifier."""
    net = CfgWriter(224, "swish")
    b0_body(net, 0.2)
    net.add("avgpool")
    net.add("dropout", probability=0.2)
    net.plain(1000)
    net.add("softmax")
    return net.text


def enet_coco() -> str:
    """EfficientNet-B0 under two heads with partial residuals."""
    net = CfgWriter(416, "swish")
    ends = b0_body(net, 0.0)
    net.activation = "leaky"
    return prn_heads(net, ends[576])
