"""YOLOv7 as ``.cfg`` files, from the description of the paper (Wang et al. 2022, 2207.02696)."""

from __future__ import annotations

from collections.abc import Sequence

from darknet_csp import ANCHORS, new_head
from darknet_writer import CfgWriter, three
from darknet_yolo import pyramid


def elan(net: CfgWriter, width: int, out: int) -> int:
    """Layer aggregation of a backbone: every second of four convolutions is kept."""
    kept = _parts(net, width)
    for turn in range(4):
        net.conv(width, 3)
        kept += [net.last] if turn % 2 else []
    net.route(*reversed(kept))
    return net.conv(out)


def elan_wide(net: CfgWriter, width: int, out: int) -> int:
    """Layer aggregation of a pyramid: all of four convolutions, of half the width, are kept."""
    kept = _parts(net, width)
    kept += [net.conv(width // 2, 3) for _ in range(4)]
    net.route(*reversed(kept))
    return net.conv(out)


def elan_tiny(net: CfgWriter, width: int, out: int) -> int:
    """Layer aggregation of YOLOv7-tiny: two convolutions, both kept."""
    kept = _parts(net, width)
    kept += [net.conv(width, 3) for _ in range(2)]
    net.route(*kept)
    return net.conv(out)


def _parts(net: CfgWriter, width: int) -> list[int]:
    start = net.last
    aside = net.conv(width)
    net.route(start)
    return [aside, net.conv(width)]


def shrink(net: CfgWriter, width: int, *more: int) -> int:
    """Half the size by a pooling and by a convolution, both kept, with further layers."""
    start = net.last
    net.pool()
    pooled = net.conv(width)
    net.route(start)
    net.conv(width)
    return net.route(net.conv(width, 3, 2), pooled, *more)


def yolov7(side: int = 640) -> str:
    """YOLOv7."""
    net = CfgWriter(side, "swish")
    for filters, stride in ((32, 1), (64, 2), (64, 1), (128, 2)):
        net.conv(filters, 3, stride)
    ends = [elan(net, 64, 256)]
    for width, part, out in ((128, 128, 512), (256, 256, 1024), (512, 256, 1024)):
        shrink(net, width)
        ends.append(elan(net, part, out))
    tops = [_pooled(net, 512, tiny=False)]
    for width, layer in ((256, ends[2]), (128, ends[1])):
        _grow(net, width, layer)
        tops.append(elan_wide(net, width, width))
    outs = [tops[2]]
    for width, top in ((128, tops[1]), (256, tops[0])):
        shrink(net, width, top)
        outs.append(elan_wide(net, 2 * width, 2 * width))
    return _heads(net, outs, 256)


def yolov7_tiny(side: int = 416, activation: str = "leaky") -> str:
    """YOLOv7-tiny."""
    net = CfgWriter(side, activation)
    net.conv(32, 3, 2)
    net.conv(64, 3, 2)
    ends = [elan_tiny(net, 32, 64)]
    for width in (64, 128, 256):
        net.pool()
        ends.append(elan_tiny(net, width, 2 * width))
    tops = [_pooled(net, 256, tiny=True)]
    for width, layer in ((128, ends[2]), (64, ends[1])):
        _grow(net, width, layer)
        tops.append(elan_tiny(net, width // 2, width))
    outs = [tops[2]]
    for width, top in ((128, tops[1]), (256, tops[0])):
        net.route(net.conv(width, 3, 2), top)
        outs.append(elan_tiny(net, width // 2, width))
    return _heads(net, outs, 128)


def _pooled(net: CfgWriter, width: int, *, tiny: bool) -> int:
    """Pyramid pooling between two parts, of which one passes by."""
    start = net.last
    aside = net.conv(width)
    net.route(start)
    for size in (1,) if tiny else (1, 3, 1):
        net.conv(width, size)
    pyramid(net, rising=not tiny)
    for size in (1,) if tiny else (1, 3):
        net.conv(width, size)
    net.route(*((aside, net.last) if tiny else (net.last, aside)))
    return net.conv(width)


def _grow(net: CfgWriter, width: int, layer: int) -> None:
    """Twice the size, beside a finer layer of the backbone."""
    net.conv(width)
    upper = net.up()
    net.route(layer)
    net.route(net.conv(width), upper)


def _heads(net: CfgWriter, outs: Sequence[int], width: int) -> str:
    for scale, out in enumerate(outs):
        net.route(out)
        net.conv(width << scale, 3)
        new_head(net, three(scale), ANCHORS)
    return net.text
