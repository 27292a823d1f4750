"""``--decode`` and ``--names`` -> the heads of a detector, and the names of its classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.utils import _pytree

from autosplit.data.preprocess import Letterbox, Preprocess
from autosplit.errors import FileError, ModelError, counted, warn
from autosplit.files import parse_yaml
from autosplit.models.asked_model import AskedModel, BuiltNetwork
from autosplit.models.networks.free_boxes import row_count, rows_in_pixels
from autosplit.models.networks.yolo_heads import YoloHead
from autosplit.plainfile import read_latin_text

DISTANCE_BINS = 16
"""Bins of each distance of YOLOv8, unless the names of the classes say otherwise."""
OBJECTNESS = {"yolov8": 0, "yolox": 1, "yolov5": 1}
"""Way to decode an exported network -> numbers of a row between the box and the classes."""
DECODINGS = ("darknet", "scaled", *sorted(OBJECTNESS))
"""How outputs may be asked to become boxes."""


def with_asked_heads(built: BuiltNetwork, asked: AskedModel) -> BuiltNetwork:
    """Give a network the heads and the names of classes that a person asks for.

    Args:
        built: The network, its weights loaded.
        asked: What is asked for.

    Raises:
        ModelError: The network's outputs cannot be decoded so, or the names are of another number
            of classes.
    """
    names = None if asked.names is None else read_class_names(asked.names)
    if asked.decode in OBJECTNESS:
        if isinstance(built.example_input, tuple) and len(built.example_input) == 1:
            built = replace(built, example_input=built.example_input[0])
        built = _whole_pictures(
            replace(built, heads=_free_heads(built, asked.decode, names)), asked
        )
    elif asked.decode is not None:
        built = replace(built, heads=_darknet_heads(built, asked.decode))
    if not built.heads:
        if names is not None:
            raise ModelError(f"{built.name}: takes names of classes with --decode alone")
        return built
    if asked.decode is None:
        _warn_of_scaled(built, asked.spec)
    count = built.heads[0].classes
    if names is not None and len(names) != count:
        raise ModelError(
            f"{asked.names}: must name {counted(count, 'class', 'classes')}, got "
            f"{counted(len(names), 'name')}"
        )
    return replace(built, labels=names or built.labels or tuple(map(str, range(count))))


def _whole_pictures(built: BuiltNetwork, asked: AskedModel) -> BuiltNetwork:
    """A detector without a way to make its input sees whole pictures, as its family does.

    A file beside the network that says its channels and means is believed.
    """
    prepare = built.preprocess
    if not isinstance(prepare, Preprocess):
        return built
    style = "yolox" if asked.decode == "yolox" else "ultralytics"
    whole = Letterbox(prepare.crop, style, len(prepare.mean))
    if not built.assumed:
        whole = replace(whole, mean=prepare.mean, std=prepare.std, bgr=prepare.bgr)
    return replace(built, preprocess=whole, assumed=False)


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read names of classes, one per line, or the names of an ultralytics ``data.yaml``.

    Raises:
        ModelError: The file cannot be read or names nothing.
    """
    try:
        if path.suffix not in (".yaml", ".yml"):
            found = tuple(filter(None, map(str.strip, read_latin_text(path).splitlines())))
        else:
            about = parse_yaml(path)
            names = about.get("names") if isinstance(about, Mapping) else None
            values = names.values() if isinstance(names, Mapping) else names or ()
            found = tuple(map(str, values))
    except (FileError, OSError) as error:
        raise ModelError(f"--names: {error}") from error
    if not found:
        raise ModelError(f"{path}: must name classes, names none")
    return found


def _darknet_heads(built: BuiltNetwork, decode: str) -> tuple[YoloHead, ...]:
    if not any(head.coding == "darknet" for head in built.heads):
        raise ModelError(
            f"{built.name}: --decode {decode} is for .cfg files with [yolo] sections without "
            "new_coords"
        )
    if decode == "darknet":
        return built.heads
    return tuple(
        replace(head, coding="scaled", scale_x_y=2.0) if head.coding == "darknet" else head
        for head in built.heads
    )


def _warn_of_scaled(built: BuiltNetwork, spec: str) -> None:
    """Warn of a file that may be ScaledYOLOv4's, whose weights decode another way."""
    name = Path(spec.partition(":")[2]).stem.lower()
    suspects = ("csp", "x-mish", "yolov4-p5", "yolov4-p6", "yolov4-p7", "yolor", "yolov7")
    if not any(part in name for part in suspects):
        return
    if any(head.coding == "darknet" and head.scale_x_y != 1 for head in built.heads):
        warn(
            f"{built.name}: has no new_coords, so boxes are decoded as Darknet does; weights of "
            "ScaledYOLOv4 need --decode scaled (--decode darknet ends this warning)"
        )


@torch.no_grad()
def _free_heads(
    built: BuiltNetwork, decode: str, names: tuple[str, ...] | None
) -> tuple[YoloHead, ...]:
    """Heads of a network without anchors, from the shapes of its outputs."""
    example = built.example_input
    if not isinstance(example, Tensor) or example.dim() != 4:
        raise ModelError(f"{built.name}: --decode needs a network of pictures (1, 3, H, W)")
    leaves = _pytree.tree_leaves(built.module(example))
    outputs = [one for one in leaves if isinstance(one, Tensor)]
    before = 4 + OBJECTNESS[decode]
    if outputs and outputs[0].dim() == 3:
        return (_row_head(built, decode, outputs[0], (example.shape[2], example.shape[3])),)
    maps = [output for output in outputs if output.dim() == 4]
    if decode == "yolov5" or len(maps) != len(outputs):
        raise _unlike(built, decode, outputs)
    if decode == "yolov8" and names is None:
        before = 4 * DISTANCE_BINS
    elif decode == "yolov8" and names is not None:
        before = maps[0].shape[1] - len(names)
    classes = maps[0].shape[1] - before
    wrong = classes < 1 or before < 4 or (decode == "yolov8" and before % 4)
    if wrong or len({one.shape[1] for one in maps}) > 1:
        raise _unlike(built, decode, outputs)
    return tuple(YoloHead(place, (), classes, coding=decode) for place in range(len(maps)))


def _row_head(built: BuiltNetwork, decode: str, output: Tensor, size: tuple[int, int]) -> YoloHead:
    _, first, second = output.shape
    numbers, rows = (first, second) if decode == "yolov8" else (second, first)
    classes = numbers - 4 - OBJECTNESS[decode]
    of_yolox = rows == row_count(size)
    if classes < 1 or classes >= rows or (decode == "yolox" and not of_yolox):
        raise _unlike(built, decode, [output])
    if decode != "yolov8" and of_yolox:
        decoded = rows_in_pixels(output, size)
        if decode == "yolov5" and not decoded:
            raise ModelError(
                f"{built.name}: --decode yolov5 reads pixels, the rows are offsets in cells; take "
                "--decode yolox"
            )
        if decode == "yolox" and decoded:
            warn(f"{built.name}: its rows are boxes in pixels already, and are read as such")
            decode = "yolov5"
    return YoloHead(0, (), classes, coding=f"{decode}-rows")


def _unlike(built: BuiltNetwork, decode: str, outputs: list[Tensor]) -> ModelError:
    shapes = ", ".join(str(tuple(output.shape)) for output in outputs)
    wanted = {
        "yolov8": f"maps (N, {4 * DISTANCE_BINS} + classes, H, W) or rows (N, 4 + classes, A)",
        "yolox": "maps (N, 5 + classes, H, W), or rows (N, A, 5 + classes) of strides 8, 16, 32",
        "yolov5": "rows (N, A, 5 + classes)",
    }
    return ModelError(f"{built.name}: --decode {decode} reads {wanted[decode]}, got {shapes}")
