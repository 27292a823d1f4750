"""Options of ``autosplit stats``: the network, its data, and the quantizer that is measured."""

from __future__ import annotations

from dataclasses import dataclass

from autosplit.runs import kinds
from autosplit.runs.declared.choices import (
    CHANNEL_NAMES,
    CLIPPING_NAMES,
    DECODE_NAMES,
    INTERPOLATION_NAMES,
    METRIC_NAMES,
    PREPROCESS_NAMES,
    ROUNDING_NAMES,
    TASK_NAMES,
    USUAL_QUALITIES,
)
from autosplit.runs.option import check_values, option


@dataclass(frozen=True, slots=True)
class StatsOptions:
    """What ``autosplit stats`` measures.

    Raises:
        OptionError: An option cannot have its value.
    """

    model: str = option(
        "efficientnet-lite0",
        kinds.text("NETWORK"),
        "network",
        "The network: efficientnet-lite0, efficientnet-lite1, efficientnet-lite2, "
        "fashion-resnet, scenes-yolo, "
        "torchvision:NAME, yolo:NAME, yolo:FILE.cfg, torchvision-backbone:NAME, timm:NAME, "
        "transformers:FOLDER, FILE.py:FUNCTION or FILE.pt2.",
        first=True,
    )
    weights: str | None = option(
        None,
        kinds.text("NAME|FILE"),
        "network",
        "Trained weights: for torchvision a name such as DEFAULT, for yolo a .weights, "
        ".safetensors, .pt or .pth file.",
        none="the network's own, else random",
        first=True,
    )
    checkpoint: str | None = option(
        None,
        kinds.text("FILE"),
        "network",
        "State dict to load into the network: a .pt, .pth or .safetensors file.",
        none="no file",
    )
    input_size: int | None = option(
        None,
        kinds.count(1, 8192),
        "network",
        "Height and width of the input, pixels.",
        none="the network's own",
    )
    decode: str | None = option(
        None,
        kinds.choice(*DECODE_NAMES),
        "network",
        "How the outputs of a detector become boxes. For .cfg files: darknet, or scaled if "
        "ScaledYOLOv4 trained the weights. For a network of your own: yolov5, yolov8 or yolox.",
        none="as the .cfg file says",
    )
    names: str | None = option(
        None,
        kinds.text("FILE"),
        "network",
        "Names of the classes of a detector, one per line or a data.yaml.",
        none="FILE.names beside FILE.cfg, else COCO's if there are 80 classes",
    )
    parent: str | None = option(
        None,
        kinds.text("RUN"),
        "network",
        "Run folder of the network from which this network was made. autosplit records the "
        "parent's hash and does nothing else with it.",
        none="no parent",
    )
    data: str = option(
        "demo",
        kinds.text("DATA"),
        "data",
        "Images for calibration and evaluation: demo, demo-crops, fashion-mnist[:DIR], "
        "imagefolder:DIR, scenes, coco:DIR (pictures with boxes) or FILE.py:FUNCTION.",
        first=True,
    )
    calibration: str | None = option(
        None,
        kinds.text("DATA"),
        "data",
        "Data for calibration alone, named as for --data. The calibration part of --data is then "
        "left out.",
        none="the calibration part of --data",
    )
    strict: bool = option(
        False,
        kinds.switch(),
        "data",
        "Whether an annotation of a box that cannot be used is an error. If not, autosplit lists "
        "such annotations and leaves them out.",
    )
    calibration_images: int | None = option(
        None,
        kinds.count(1),
        "data",
        "Largest number of calibration images.",
        none="the data set's own number",
    )
    task: str | None = option(
        None,
        kinds.text("TASK"),
        "evaluation",
        "What the outputs of the network are and how they are scored: "
        f"{', '.join(TASK_NAMES)}, or FILE.py:FUNCTION, a function of outputs and labels that "
        "returns scores.",
        none="found out from outputs and labels",
    )
    output: str | None = option(
        None,
        kinds.text("NAME"),
        "evaluation",
        "Output that is scored if the network has several: its name, its number, or all.",
        none="found out from names and labels",
    )
    mean: tuple[float, ...] | None = option(
        None,
        kinds.numbers(),
        "data",
        "Mean that is subtracted from the pixels, which are in 0..1: one number, or one for each "
        "channel.",
        none="that of the network's weights; 0 for a network of your own",
    )
    std: tuple[float, ...] | None = option(
        None,
        kinds.numbers(least=1e-6),
        "data",
        "Standard deviation by which the pixels are divided after --mean: one number, or one for "
        "each channel.",
        none="that of the network's weights; 1 for a network of your own",
    )
    resize: int | None = option(
        None,
        kinds.count(1),
        "data",
        "Size to which the shorter side of a picture is resized, pixels.",
        none="that of the network's weights",
    )
    crop: int | None = option(
        None,
        kinds.count(1),
        "data",
        "Height and width of the middle of a resized picture that is kept, pixels.",
        none="the size of the network's input",
    )
    interpolation: str | None = option(
        None,
        kinds.choice(*INTERPOLATION_NAMES),
        "data",
        "How pictures are resized.",
        none="that of the network's weights; bilinear for a network of your own",
    )
    channels: str | None = option(
        None,
        kinds.choice(*CHANNEL_NAMES),
        "data",
        "Channels of the network's input, in their order.",
        none="gray for one channel, rgb for three",
    )
    preprocess: str | None = option(
        None,
        kinds.choice(*PREPROCESS_NAMES),
        "data",
        "How the whole picture becomes the input of a detector. darknet: the picture keeps its "
        "shape and gets a grey border; alexeyab: the picture is stretched; ultralytics: the "
        "picture keeps its shape and gets a border of grey 114; yolox: the same at the right and "
        "below, blue first, in 0..255.",
        none="found out from the .cfg file and the weights, or from --decode",
    )
    batch_size: int | None = option(
        None,
        kinds.count(1),
        "data",
        "Images per step. The batch size changes the results a little, because random numbers are "
        "drawn and sums are rounded step by step.",
        none="chosen by the size of the images",
    )
    seed: int = option(
        0, kinds.count(0, 2**32 - 1), "data", "Seed of random weights and of random choices."
    )
    jpeg_quality: tuple[int, ...] = option(
        USUAL_QUALITIES,
        kinds.qualities(),
        "data",
        "JPEG qualities at which the input may be sent as a JPEG file. autosplit measures each "
        "quality and makes a plan of it.",
    )
    clipping: str = option(
        "mse",
        kinds.choice(*CLIPPING_NAMES, registry="autosplit.grid.clipping:CLIPPING"),
        "quantizer",
        "Rule that chooses the range of an activation; values outside the range are clipped. lapq "
        "starts with the ranges of norm, and moves all ranges together when a plan is finished.",
    )
    metric: str = option(
        "output",
        kinds.choice(*METRIC_NAMES, registry="autosplit.distortion.metrics:METRICS"),
        "quantizer",
        "Distortion metric: output (change of the network's answers), fisher (squared errors "
        "weighted by squared gradients) or mse (noise over signal of each tensor alone).",
    )
    equalize: bool = option(
        False,
        kinds.switch(),
        "quantizer",
        "Whether to equalize the channels of neighbouring layers before anything is measured.",
    )
    rounding: str = option(
        "auto",
        kinds.choice(*ROUNDING_NAMES),
        "quantizer",
        "Rounding that the distortion of a weight assumes. nearest: to the nearest integer. auto, "
        "moment and learned: by second moments (GPTQ), as with --effort good and best.",
    )

    def __post_init__(self) -> None:
        check_values(self)
