"""Detect on pictures: the float network, a plan's two halves, and where they differ.

The plan runs as it would be deployed: a quantized edge half, packed crossing tensors, and a float
cloud half; boxes are made of its outputs in float.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torchvision.ops import box_iou

from autosplit.capture.capture import capture
from autosplit.capture.equalize import equalize
from autosplit.capture.program import Program
from autosplit.data.image_folder import SUFFIXES
from autosplit.data.photos import read_photo
from autosplit.data.preprocess import Letterbox
from autosplit.detect.drawing import BOTH, FIRST, SECOND, draw_boxes, side_by_side
from autosplit.errors import DataError, ModelError
from autosplit.files import write_csv
from autosplit.halves.deployed import Deployed, deploy
from autosplit.models.load import Model
from autosplit.models.networks.yolo_decode import (
    IOU,
    SHOWN_CONFIDENCE,
    Detections,
    YoloHead,
    detect_objects,
)
from autosplit.plan.planfile import PlanFile, read_plan

SAME_IOU = 0.5
"""Two boxes of a class that overlap this much are the same object."""
HEADER = "picture network class score left top right bottom".split()
"""Columns of ``detections.csv``; places in pixels of the picture."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two networks agree: place among the first's boxes and among the second's."""

    pairs: tuple[tuple[int, int], ...]

    def colours(self, count: int, side: int) -> list[str]:
        """Colour of each of a network's ``count`` boxes; it is the first or the second side."""
        matched = {pair[side] for pair in self.pairs}
        own = (FIRST, SECOND)[side]
        return [BOTH if place in matched else own for place in range(count)]


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found on a picture.

    Attributes:
        picture: Its file.
        found: Network, ``float`` or the plan's name -> what it found, in pixels of the picture.
        crossed_bytes: Bytes that crossed; None without a plan.
        same: Boxes that both networks found; None without a plan.
        drawing: The file that was written.
    """

    picture: Path
    found: dict[str, Detections]
    crossed_bytes: int | None
    same: int | None
    drawing: Path

    def __str__(self) -> str:
        counts = ", ".join(f"{name} finds {len(boxes)}" for name, boxes in self.found.items())
        text = f"{self.picture.name}: {counts}"
        if self.same is not None:
            text += f", {self.same} of them the same; {self.crossed_bytes:,} bytes crossed"
        return text


@dataclass(frozen=True)
class Detector:
    """A detection network, and perhaps a plan of it.

    Attributes:
        program: The captured network.
        heads: How its outputs are read.
        labels: Names of its classes.
        letterbox: Makes its input of a picture.
        plan: Name of the plan, empty without one.
        deployed: The plan's two halves.
        confidence: Least score of a box.
        iou: Overlap from which two boxes of a class are one.
    """

    program: Program
    heads: tuple[YoloHead, ...]
    labels: tuple[str, ...]
    letterbox: Letterbox
    plan: str = ""
    deployed: Deployed | None = None
    confidence: float = SHOWN_CONFIDENCE
    iou: float = IOU

    def __post_init__(self) -> None:
        for name in ("confidence", "iou"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise DataError(f"detect: {name} must be 0 to 1, got {value}")

    def boxes(self, outputs: Sequence[Tensor], size: tuple[int, int]) -> Detections:
        """Boxes of the network's outputs for one picture, in its pixels.

        Args:
            outputs: Feature map of each head, each (1, C, H, W).
            size: Width and height of the picture, pixels.
        """
        (found,) = detect_objects(
            outputs, self.heads, self.letterbox.size, self.confidence, self.iou
        )
        return Detections(self.letterbox.back(found.boxes, *size), found.scores, found.classes)


def make_detector(
    model: Model,
    plan: Path | PlanFile | None = None,
    confidence: float = SHOWN_CONFIDENCE,
    iou: float = IOU,
) -> Detector:
    """Capture a detection network, and build the halves of a plan of it.

    Args:
        model: The network.
        plan: The plan, or its file.
        confidence: Least score of a box, 0..1.
        iou: Overlap from which two boxes of a class are one, 0..1.

    Raises:
        ModelError: The network is no detector.
        FileError, PlanError: The plan cannot be read, or is of another network.
    """
    if not model.heads or not isinstance(model.preprocess, Letterbox):
        raise ModelError(
            f"{model.name}: must be a detector with yolo sections, such as yolo:yolov3-tiny"
        )
    program = capture(model.program or model.module, (model.example_input,), model.name)
    if isinstance(plan, Path):
        plan = read_plan(plan, program.graph)
    if plan is not None and plan.equalized:
        program = equalize(program)
    name = "" if plan is None else plan.plan.name
    halves = None if plan is None else deploy(program, plan)
    about = (model.heads, model.labels, model.preprocess)
    return Detector(program, *about, name, halves, confidence, iou)


def list_pictures(source: Path) -> tuple[Path, ...]:
    """A picture, or those of a folder in the order of their names.

    Raises:
        DataError: There is no such file or folder, or no picture in it.
    """
    if source.is_file():
        return (source,)
    if not source.is_dir():
        raise DataError(f"{source}: must be a picture or a folder of pictures, there is none")
    found = tuple(p for p in sorted(source.iterdir()) if p.suffix.lower() in SUFFIXES)
    if not found:
        raise DataError(f"{source}: must hold pictures ({' '.join(SUFFIXES)}), there are none")
    return found


def detect_pictures(detector: Detector, pictures: Sequence[Path], out: Path) -> Iterator[Seen]:
    """Detect on pictures one after the other; a drawing of each and ``detections.csv`` are written.

    Args:
        detector: The network and the plan.
        pictures: Files.
        out: Folder to write into.

    Raises:
        DataError: A picture cannot be read, or the folder cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{out}: must be a folder to write into, {error.strerror}") from error
    rows: list[dict[str, Any]] = []
    stems = [path.stem for path in pictures]
    for path in pictures:
        name = path.stem if stems.count(path.stem) == 1 else path.name
        seen, drawn = look(detector, path, out / f"{name}.png")
        drawn.save(seen.drawing)
        rows += _rows(seen, detector.labels)
        yield seen
    write_csv(out / "detections.csv", HEADER, rows)


def look(detector: Detector, path: Path, drawing: Path) -> tuple[Seen, Image.Image]:
    """Detect on one picture and draw it: the float network, the plan, and the two together.

    Raises:
        DataError: The picture cannot be read.
    """
    picture = read_photo(path)
    inputs = detector.letterbox(picture)[None]
    found = {"float": detector.boxes(detector.program.run((inputs,)), picture.size)}
    first, labels = found["float"], detector.labels
    if detector.deployed is None:
        drawn = draw_boxes(picture, first, labels)
        return Seen(path, found, None, None, drawing), drawn
    outputs, sent = detector.deployed(inputs)
    second = found[detector.plan] = detector.boxes(outputs, picture.size)
    difference = compare(first, second)
    panels = [
        (f"float network: {len(first)}", draw_boxes(picture, first, labels)),
        (
            f"{detector.plan}: {len(second)}, {sent:,} bytes crossed",
            draw_boxes(picture, second, labels),
        ),
        (
            _title(len(difference.pairs), len(first), len(second)),
            _draw_difference(picture, first, second, labels),
        ),
    ]
    return Seen(path, found, sent, len(difference.pairs), drawing), side_by_side(panels)


def compare(first: Detections, second: Detections) -> Difference:
    """Which boxes of two networks are the same: of one class, overlapping by at least half.

    The surest of the second's boxes choose first, each the best overlap that is left.
    """
    overlap: Tensor = box_iou(second.boxes, first.boxes)
    overlap = overlap * (second.classes[:, None] == first.classes[None, :])
    pairs = []
    for place in second.scores.argsort(descending=True, stable=True).tolist():
        if not len(first):
            break
        best = int(overlap[place].argmax())
        if overlap[place, best] >= SAME_IOU:
            pairs.append((best, place))
            overlap[:, best] = 0
    return Difference(tuple(sorted(pairs)))


def _title(both: int, first: int, second: int) -> str:
    """How many boxes both networks found, and only one of them, with the colours."""
    lost, new = first - both, second - both
    return f"{both} both (green), {lost} float only (blue), {new} plan only (orange)"


def _draw_difference(
    picture: Image.Image, first: Detections, second: Detections, labels: Sequence[str]
) -> Image.Image:
    """The plan's boxes, and those of the float network that it does not find."""
    difference = compare(first, second)
    matched = {mine for mine, _ in difference.pairs}
    lost = torch.tensor([i for i in range(len(first)) if i not in matched], dtype=torch.long)
    together = Detections(
        torch.cat([second.boxes, first.boxes[lost]]),
        torch.cat([second.scores, first.scores[lost]]),
        torch.cat([second.classes, first.classes[lost]]),
    )
    colours = difference.colours(len(second), 1) + [FIRST] * len(lost)
    return draw_boxes(picture, together, labels, colours)


def _rows(seen: Seen, labels: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Rows of ``detections.csv``."""
    for network, found in seen.found.items():
        columns = zip(
            found.classes.tolist(), found.scores.tolist(), found.boxes.tolist(), strict=True
        )
        for kind, score, box in columns:
            about = [seen.picture.name, network, labels[kind], round(score, 4)]
            yield dict(zip(HEADER, [*about, *(round(side, 1) for side in box)], strict=True))
