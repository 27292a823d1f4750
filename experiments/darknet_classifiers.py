"""The classifiers that Darknet was published with, as ``.cfg`` files, from their descriptions."""

from __future__ import annotations

from darknet_writer import CfgWriter, classify

RESIDUAL_BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
"""Layers -> blocks of the four stages (He et al. 2016, arXiv 1512.03385, table 1)."""


def alexnet() -> str:
    """One tower of AlexNet, with two connected layers of 4096 (Krizhevsky 2014, 1404.5997)."""
    net = CfgWriter(227, "relu")
    net.add("convolutional", filters=96, size=11, stride=4, pad=0, activation="relu")
    net.add("maxpool", size=3, stride=2, padding=0)
    net.conv(256, 5, norm=False)
    net.add("maxpool", size=3, stride=2, padding=0)
    for filters in (384, 384, 256):
        net.conv(filters, 3, norm=False)
    net.add("maxpool", size=3, stride=2, padding=0)
    return _connected(net)


def vgg16() -> str:
    """VGG-16 (Simonyan and Zisserman 2015, arXiv 1409.1556, column D) of a crop of 224."""
    net = CfgWriter(256, "relu")
    net.add("crop", crop_height=224, crop_width=224)
    for filters, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            net.conv(filters, 3, norm=False)
        net.pool()
    return _connected(net)


def _connected(net: CfgWriter) -> str:
    for _ in range(2):
        net.add("connected", output=4096, activation="relu")
        net.add("dropout", probability=0.5)
    net.add("connected", output=1000, activation="linear")
    net.add("softmax")
    return net.text


def darknet_reference() -> str:
    """Darknet's reference network: seven convolutions, six poolings."""
    net = CfgWriter(256)
    for filters in (16, 32, 64, 128, 256, 512):
        net.conv(filters, 3)
        net.pool()
    net.conv(1024, 3)
    return classify(net)


def tiny_darknet() -> str:
    """Tiny Darknet: convolutions of 3 and of 1 pixels by turns."""
    net = CfgWriter(224)
    for filters in (16, 32):
        net.conv(filters, 3)
        net.pool()
    for narrow, wide in ((16, 128), (32, 256), (64, 512)):
        for _ in range(2):
            net.conv(narrow)
            net.conv(wide, 3)
        if wide < 512:
            net.pool()
    net.conv(128)
    return _classes_first(net)


def _classes_first(net: CfgWriter, activation: str = "linear") -> str:
    net.plain(1000, activation)
    net.add("avgpool")
    net.add("softmax")
    return net.text


def extraction_body(net: CfgWriter) -> None:
    """The convolutions of Extraction, which YOLOv1 has too (Redmon et al. 2016, figure 3)."""
    net.conv(64, 7, 2)
    net.pool()
    net.conv(192, 3)
    net.pool()
    for filters, size in ((128, 1), (256, 3), (256, 1), (512, 3)):
        net.conv(filters, size)
    net.pool()
    for filters, size in [(256, 1), (512, 3)] * 4 + [(512, 1), (1024, 3)]:
        net.conv(filters, size)
    net.pool()
    for filters, size in [(512, 1), (1024, 3)] * 2:
        net.conv(filters, size)


def extraction() -> str:
    """Extraction, Darknet's network after GoogLeNet."""
    net = CfgWriter(224)
    extraction_body(net)
    return _classes_first(net, "leaky")


def darknet19_body(net: CfgWriter) -> int:
    """Darknet-19 (Redmon and Farhadi 2017, table 6); returns the last layer of 512 channels."""
    net.conv(32, 3)
    net.pool()
    net.conv(64, 3)
    net.pool()
    last = 0
    for wide, count in ((128, 1), (256, 1), (512, 2), (1024, 2)):
        net.conv(wide, 3)
        for _ in range(count):
            net.conv(wide // 2)
            net.conv(wide, 3)
        last = net.last if wide == 512 else last
        if wide < 1024:
            net.pool()
    return last


def darknet19(side: int = 256) -> str:
    """Darknet-19."""
    net = CfgWriter(side)
    darknet19_body(net)
    return _classes_first(net)


def darknet53_body(net: CfgWriter) -> list[int]:
    """Darknet-53 (Redmon and Farhadi 2018, table 1); returns the last layer of each stage."""
    net.conv(32, 3)
    ends = []
    for wide, count in ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4)):
        net.conv(wide, 3, 2)
        for _ in range(count):
            before = net.last
            net.conv(wide // 2)
            net.conv(wide, 3)
            net.plus(before)
        ends.append(net.last)
    return ends


def darknet53(side: int = 256) -> str:
    """Darknet-53."""
    net = CfgWriter(side)
    darknet53_body(net)
    return classify(net)


def resnet(layers: int) -> str:
    """ResNet; shortcuts over unequal channels take the fewer of them, so none are projected."""
    net = CfgWriter(256)
    net.conv(64, 7, 2)
    net.pool()
    for stage, count in enumerate(RESIDUAL_BLOCKS[layers]):
        width = 64 << stage
        for block in range(count):
            before, stride = net.last, 2 if stage and not block else 1
            if layers < 50:
                net.conv(width, 3, stride)
                net.conv(width, 3, activation="linear")
            else:
                net.conv(width)
                net.conv(width, 3, stride)
                net.conv(4 * width, activation="linear")
            net.plus(before, "leaky")
    return _classes_first(net) if layers > 50 else classify(net)


def resnext(layers: int, width: int = 128, widening: int = 2) -> str:
    """ResNeXt of 32 groups (Xie et al. 2017, arXiv 1611.05431, table 1), no projections.

    Args:
        layers: 50, 101 or 152.
        width: Filters of the grouped convolutions in the first stage.
        widening: Outputs of a block per filter of its grouped convolution.
    """
    net = CfgWriter(256)
    net.conv(64, 7, 2)
    net.pool()
    for stage, count in enumerate(RESIDUAL_BLOCKS[layers]):
        filters = width << stage
        for block in range(count):
            before = net.last
            net.conv(filters)
            net.conv(filters, 3, 2 if stage and not block else 1, groups=32)
            net.conv(widening * filters, activation="linear")
            net.plus(before, "leaky")
    return classify(net)


def densenet201() -> str:
    """DenseNet-201 (Huang et al. 2017, arXiv 1608.06993, table 1), normalized after each layer.

    Of the last transition only the classes are left.
    """
    net = CfgWriter(256)
    net.conv(64, 7, 2)
    net.pool()
    for count, filters in ((6, 128), (12, 256), (48, 512), (32, 0)):
        for _ in range(count):
            before = net.last
            net.conv(128)
            net.conv(32, 3)
            net.route(net.last, before)
        if filters:
            net.conv(filters)
            net.pool()
    return _classes_first(net)
