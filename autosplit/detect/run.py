"""Detect on pictures: draw and list what the float network finds, what a plan finds, and both.

The plan runs as it would be deployed: a quantized edge half, crossing tensors packed to bytes, and
a float cloud half.  Boxes are decoded from the outputs in float.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from autosplit.data.image_folder import SUFFIXES
from autosplit.data.photo_file import read_photo
from autosplit.detect.detector import Detector
from autosplit.detect.drawing import BOTH, FIRST, SECOND, draw_boxes, side_by_side
from autosplit.detect.matching import BoxMatches, match_boxes
from autosplit.errors import DataError
from autosplit.files import write_csv
from autosplit.models.networks.yolo_decode import Detections

HEADER = "picture network class score left top right bottom".split()
"""Columns of ``detections.csv``; the sides of a box are in pixels of the picture."""


@dataclass(frozen=True, slots=True)
class DetectedPicture:
    """What was detected on one picture.

    Attributes:
        picture: File of the picture.
        found: ``float``, or the name of the plan -> boxes, in pixels of the picture.
        crossed_bytes: Bytes that crossed from the edge half; None without a plan.
        same: Number of boxes that both networks found; None without a plan.
        drawing: File of the drawing.
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


def list_pictures(source: Path) -> tuple[Path, ...]:
    """List a picture, or the pictures of a folder in the order of their names.

    Args:
        source: File or folder.

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


def detect_pictures(
    detector: Detector, pictures: Sequence[Path], out: Path
) -> Iterator[DetectedPicture]:
    """Detect on pictures one after the other; write a drawing of each, and ``detections.csv``.

    Args:
        detector: The network, and the plan if there is one.
        pictures: Files of the pictures.
        out: Folder to write into; it is made if it is not there.

    Yields:
        What was detected on each picture, when its drawing is written.

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
        detected, drawn = detect_picture(detector, path, out / f"{name}.png")
        drawn.save(detected.drawing)
        rows += _rows(detected, detector.labels)
        yield detected
    write_csv(out / "detections.csv", HEADER, rows)


def detect_picture(
    detector: Detector, path: Path, drawing: Path
) -> tuple[DetectedPicture, Image.Image]:
    """Detect on one picture and draw what the float network finds, what the plan finds, and both.

    Args:
        detector: The network, and the plan if there is one.
        path: File of the picture.
        drawing: File that the drawing will be written to.

    Returns:
        What was detected, and the drawing.

    Raises:
        DataError: The picture cannot be read.
    """
    picture = read_photo(path)
    inputs = detector.letterbox(picture)[None]
    found = {"float": detector.boxes(detector.program.run((inputs,)), picture.size)}
    first, labels = found["float"], detector.labels
    if detector.deployed is None:
        drawn = draw_boxes(picture, first, labels)
        return DetectedPicture(path, found, None, None, drawing), drawn
    outputs, sent = detector.deployed(inputs)
    second = found[detector.plan] = detector.boxes(outputs, picture.size)
    matches = match_boxes(first, second)
    panels = [
        (f"float network: {len(first)}", draw_boxes(picture, first, labels)),
        (
            f"{detector.plan}: {len(second)}, {sent:,} bytes crossed",
            draw_boxes(picture, second, labels),
        ),
        (
            _title(len(matches.pairs), len(first), len(second)),
            _draw_both(picture, (first, second), matches, labels),
        ),
    ]
    detected = DetectedPicture(path, found, sent, len(matches.pairs), drawing)
    return detected, side_by_side(panels)


def _title(both: int, first: int, second: int) -> str:
    """Say how many boxes both networks found, and how many only one of them, with the colours."""
    lost, new = first - both, second - both
    return f"{both} both (green), {lost} float only (blue), {new} plan only (orange)"


def _draw_both(
    picture: Image.Image,
    found: tuple[Detections, Detections],
    matches: BoxMatches,
    labels: Sequence[str],
) -> Image.Image:
    """Draw the boxes of the plan, and those of the float network that the plan does not find."""
    first, second = found
    lost = sorted(set(range(len(first))) - matches.matched(0))
    rest = torch.tensor(lost, dtype=torch.long)
    together = Detections(
        torch.cat([second.boxes, first.boxes[rest]]),
        torch.cat([second.scores, first.scores[rest]]),
        torch.cat([second.classes, first.classes[rest]]),
    )
    same = matches.matched(1)
    colours = [BOTH if place in same else SECOND for place in range(len(second))]
    return draw_boxes(picture, together, labels, colours + [FIRST] * len(lost))


def _rows(detected: DetectedPicture, labels: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Give the rows of ``detections.csv``, one for each box."""
    for network, found in detected.found.items():
        columns = zip(
            found.classes.tolist(), found.scores.tolist(), found.boxes.tolist(), strict=True
        )
        for kind, score, box in columns:
            about = [detected.picture.name, network, labels[kind], round(score, 4)]
            yield dict(zip(HEADER, [*about, *(round(side, 1) for side in box)], strict=True))
