"""The architectures of ``results/darknet_zoo.csv``: what writes each, and what was published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import darknet_classifiers as classifiers
import darknet_csp as csp
import darknet_elan as elan
import darknet_mobile as mobile
import darknet_yolo as yolo

IMAGENET = "pjreddie.com/darknet/imagenet"
YOLO = "pjreddie.com/darknet/yolo"
ALEXEY = "README of AlexeyAB/darknet"
YOLOV7 = "arXiv 2207.02696, tables 2 and 3"
SEED = "seed 002, table of backbones (counted over 2^20)"
TIMES = "seed 003 publishes times alone"


@dataclass(frozen=True)
class Architecture:
    """A network, and the figures that were published of it, as they were printed.

    Attributes:
        name: Name of the ``.cfg`` file.
        write: Returns the text of the file.
        source: Where the figures are published, or why there are none.
        gflops: Billions of operations, a multiply-accumulate counted as two, by the rule of the
            source.
        megabytes: Size of the ``.weights`` file over 2^20.
        millions: Parameters over 10^6; over 2^20 where the source is ``SEED``.
        seed_gflops: Billions of operations at 480x640 as seed 002 counts them.
        why: Why a figure differs from ours; empty if all are equal.
        seeds: Numbers of the seeds that use the network.
    """

    name: str
    write: Callable[[], str]
    source: str
    gflops: str = ""
    megabytes: str = ""
    millions: str = ""
    seed_gflops: str = ""
    why: str = ""
    seeds: str = ""


def refused_rnn() -> str:
    """A recurrent network of characters."""
    head = "[net]\ninputs=256\nheight=1\nwidth=1\n"
    return head + "\n[rnn]\noutput=1024\nhidden=1024\nactivation=leaky\n\n[softmax]\n"


def refused_tree() -> str:
    """YOLO9000's head, whose classes are a tree."""
    return yolo.yolov2(544, 9418).replace("coords=4", "coords=4\ntree=9k.tree")


_c, _y, _s, _e, _m = classifiers, yolo, csp, elan, mobile
_NO_FIGURE = "no figure is published"
CLASSIFIERS = (
    Architecture("alexnet", _c.alexnet, IMAGENET, "2.27", "238"),
    Architecture("darknet", _c.darknet_reference, IMAGENET, "0.96", "28"),
    Architecture("vgg-16", _c.vgg16, IMAGENET, "30.94", "528"),
    Architecture("extraction", _c.extraction, IMAGENET, "8.52", "90"),
    Architecture("darknet19", _c.darknet19, IMAGENET, "7.29", "80"),
    Architecture("darknet19_448", partial(_c.darknet19, 448), IMAGENET, "22.33", "80"),
    Architecture("tiny", _c.tiny_darknet, "pjreddie.com/darknet/tiny-darknet", "0.98", "4.0"),
    Architecture("resnet18", partial(_c.resnet, 18), IMAGENET, "4.69", "44"),
    Architecture("resnet34", partial(_c.resnet, 34), IMAGENET, "9.52", "83"),
    Architecture("resnet50", partial(_c.resnet, 50), IMAGENET, "9.74", "87"),
    Architecture("resnet101", partial(_c.resnet, 101), IMAGENET, "19.70", "160"),
    Architecture("resnet152", partial(_c.resnet, 152), IMAGENET, "29.39", "220"),
    Architecture(
        "resnext50",
        partial(_c.resnext, 50),
        IMAGENET,
        "10.11",
        "220",
        why="the page gives it the size of resnet152; 220 MB would be 57.7 million numbers",
    ),
    Architecture("resnext101-32x4d", partial(_c.resnext, 101, 64, 8), IMAGENET, "18.92", "159"),
    Architecture("resnext152-32x4d", partial(_c.resnext, 152, 64, 8), IMAGENET, "28.20", "217"),
    Architecture("densenet201", _c.densenet201, IMAGENET, "10.85", "66"),
    Architecture("darknet53", _c.darknet53, IMAGENET, "18.57", "159"),
    Architecture("darknet53_448", partial(_c.darknet53, 448), IMAGENET, "56.87", "159"),
    Architecture("efficientnet_b0", _m.efficientnet_b0, _NO_FIGURE),
    Architecture("mobilenet_v1", _m.mobilenet_v1, "arXiv 1704.04861, table 4", "1.14", "", "4.2"),
    Architecture(
        "mobilenet_v2",
        _m.mobilenet_v2,
        "arXiv 1801.04381, table 4",
        "0.60",
        "",
        "3.4",
        why="3.4 in the paper; torchvision's mobilenet_v2 has 3,504,872 parameters as this one",
    ),
)
DETECTORS = (
    Architecture("yolov1", _y.yolov1, YOLO, "40.19"),
    Architecture("yolov1-tiny", _y.yolov1_tiny, _NO_FIGURE),
    Architecture("yolov2", partial(_y.yolov2, 608, 80), YOLO, "62.94", "194"),
    Architecture("yolov2-voc", partial(_y.yolov2, 416, 20), _NO_FIGURE),
    Architecture("yolo-voc.2.0", partial(_y.yolov2, 416, 20, narrowed=False), YOLO, "34.90"),
    Architecture("yolo-voc.2.0-544", partial(_y.yolov2, 544, 20, narrowed=False), YOLO, "59.68"),
    Architecture("yolov2-tiny", partial(_y.yolov2_tiny, 80, 512), YOLO, "5.41", "43"),
    Architecture("yolov2-tiny-voc", partial(_y.yolov2_tiny, 20, 1024), YOLO, "6.97", "60"),
    Architecture("yolov3-320", partial(_y.yolov3, 320), YOLO, "38.97", "236"),
    Architecture("yolov3-416", partial(_y.yolov3, 416), YOLO, "65.86", "236"),
    Architecture(
        "yolov3", _y.yolov3, f"{YOLO}; {SEED}", "140.69", "236", "59.13", "117.3", seeds="002 003",
        why="117.19 by the rule that gives the seed's five other numbers of operations",
    ),
    Architecture("yolov3-spp", partial(_y.yolov3, spp=True), YOLO, "141.45", "240"),
    Architecture("yolov3-voc", partial(_y.yolov3, 416, 20), _NO_FIGURE),
    Architecture("yolov3-openimages", partial(_y.yolov3, 608, 601), ALEXEY, "", "247"),
    Architecture("yolov3_5l", _y.yolov3_5l, _NO_FIGURE),
    Architecture("Gaussian_yolov3_BDD", partial(_y.yolov3, 512, 10, "Gaussian_yolo"), _NO_FIGURE),
    Architecture(
        "yolov3-tiny", _y.yolov3_tiny, f"{YOLO}; {SEED}", "5.56", "33.8", "8.45", "9.9",
        seeds="002 003",
    ),
    Architecture("yolov3-tiny_3l", partial(_y.yolov3_tiny, 2, 608, 3), _NO_FIGURE),
    Architecture("yolov3-tiny-prn", _y.yolov3_tiny_prn, ALEXEY, "3.5", "18.8"),
    Architecture("enet-coco", _m.enet_coco, ALEXEY, "3.7", "18.3"),
    Architecture("csresnext50-panet-spp", _s.csp_resnext50, ALEXEY, "71.3", "217"),
    Architecture("yolov4-320", partial(_s.yolov4, 320), ALEXEY, "35.5", "245"),
    Architecture("yolov4-416", partial(_s.yolov4, 416), ALEXEY, "60.1", "245"),
    Architecture("yolov4-512", partial(_s.yolov4, 512), ALEXEY, "91.1", "245"),
    Architecture(
        "yolov4", _s.yolov4, f"{ALEXEY}; {SEED}", "128.5", "245", "61.35", "107.1", seeds="002",
        why="61.38 over 2^20; the seed counts 0.03 fewer, without saying what",
    ),
    Architecture(
        "yolov4-tiny", _s.yolov4_tiny, f"{ALEXEY}; {SEED}", "6.9", "23.1", "5.78", "12.3",
        seeds="002",
    ),
    Architecture("yolov4-tiny-3l", partial(_s.yolov4_tiny, 608, 80, 3), _NO_FIGURE),
    Architecture("yolov4-csp", partial(_s.scaled_yolov4, 512), ALEXEY, "77", "202"),
    Architecture(
        "yolov4-csp-swish", partial(_s.scaled_yolov4, 640, "swish", late=True), ALEXEY, "120", "202"
    ),
    Architecture("yolov4x-mish", partial(_s.scaled_yolov4, 640, wide=True), ALEXEY, "221", "381"),
    Architecture(
        "yolov4-p5", partial(_s.scaled_yolov4, 896, five_stages=True), ALEXEY, "", "271"
    ),
    Architecture("yolov7", _e.yolov7, YOLOV7, "104.7", "", "36.9"),
    Architecture("yolov7-tiny", _e.yolov7_tiny, YOLOV7, "5.8", "", "6.2"),
    Architecture(
        "yolov7-tiny-silu", partial(_e.yolov7_tiny, 640, "swish"), YOLOV7, "13.8", "", "6.2",
    ),
)  # fmt: skip
SEEDS = (
    Architecture(
        "yolov3-mobilenet", _m.yolov3_mobilenet, SEED, millions="23.09", seed_gflops="32.2",
        seeds="002",
    ),
    Architecture(
        "yolov3tiny-mobilenet-small", _m.yolov3tiny_mobilenet_small, SEED, millions="2.92",
        seed_gflops="2.9", seeds="002",
    ),
    Architecture("yolov3-mobilenet_v1", _m.yolov3_mobilenet_v1, TIMES, seeds="003"),
    Architecture("yolov3-mobilenet_v2", _m.yolov3_mobilenet_v2, TIMES, seeds="003"),
    Architecture("yolov3-lite", _m.yolov3_lite, TIMES, seeds="003"),
    Architecture("yolov3-tiny-mobilenet", _m.yolov3_tiny_mobilenet, TIMES, seeds="003"),
)  # fmt: skip
REFUSED = (
    Architecture("rnn", refused_rnn, ""),
    Architecture("yolo9000", refused_tree, ""),
)
ARCHITECTURES = CLASSIFIERS + DETECTORS + SEEDS + REFUSED
