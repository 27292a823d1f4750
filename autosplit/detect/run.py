"""Detect on pictures and videos: draw and list what the float network and a plan find, and both.

The plan runs as it would be deployed: a quantized edge half, crossing tensors packed to bytes, and
a float cloud half.  Boxes are decoded from the outputs in float.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from autosplit.data.photo_file import read_photo
from autosplit.detect.detector import Detector
from autosplit.detect.drawing import BOTH, FIRST, SECOND, draw_boxes, side_by_side
from autosplit.detect.matching import BoxMatches, match_boxes
from autosplit.detect.sources import DetectSource, drawing_names
from autosplit.detect.step_seconds import TIMES_HEADER, StepSeconds
from autosplit.detect.video import VideoDrawing, about_video, read_frames
from autosplit.errors import DataError, counted
from autosplit.files import write_csv
from autosplit.models.networks.yolo_decode import Detections

HEADER = "picture frame time_s network class score left top right bottom".split()
"""Columns of ``detections.csv``; the sides of a box are in pixels of the picture.  Frame and time
are empty for pictures."""


@dataclass(frozen=True, slots=True)
class DetectedPicture:
    """What was detected on one picture, or on one frame of a video.

    Attributes:
        label: Short name of the picture or the video.
        found: ``float``, or the name of the plan -> boxes, in pixels of the picture.
        seconds: Likewise -> what each step took.
        same: Number of boxes that both networks found; None without a plan.
        frame: Number and seconds of the frame; None for a picture.
    """

    label: str
    found: dict[str, Detections]
    seconds: dict[str, StepSeconds]
    same: int | None
    frame: tuple[int, float] | None = None

    @property
    def crossed_bytes(self) -> int | None:
        """Bytes that crossed from the edge half; None without a plan."""
        return next(reversed(self.seconds.values())).wire_bytes

    def __str__(self) -> str:
        counts = ", ".join(f"{name} finds {len(boxes)}" for name, boxes in self.found.items())
        text = f"{self.label}: {counts}"
        if self.same is not None:
            text += f", {self.same} of them the same; {self.crossed_bytes:,} bytes crossed"
        return text


@dataclass(frozen=True, slots=True)
class DetectedVideo:
    """What was detected on a video: the sums over its frames.

    Attributes:
        label: Short name of the video.
        frames: Number of frames.
        found: ``float``, or the name of the plan -> number of boxes.
        same: Number of boxes that both networks found; None without a plan.
    """

    label: str
    frames: int
    found: dict[str, int]
    same: int | None

    def __str__(self) -> str:
        counts = ", ".join(f"{name} finds {count}" for name, count in self.found.items())
        text = f"{self.label}: {counted(self.frames, 'frame')}, {counts}"
        return text if self.same is None else f"{text}, {self.same} of them the same"


@dataclass(frozen=True, slots=True)
class BrokenSource:
    """A picture or a video that could not be read.

    Attributes:
        problem: What is wrong with it.
    """

    problem: str

    def __str__(self) -> str:
        return self.problem


@dataclass
class DetectRun:
    """A run over pictures and videos, and what it took.

    Attributes:
        detector: The network, and the plan if there is one.
        out: Folder of the drawings and tables.
        most_frames: Most frames of a video; None for all.
        advance: Is called with 1 for every picture and frame.
        seconds: Network -> what each picture took.
    """

    detector: Detector
    out: Path
    most_frames: int | None = None
    advance: Callable[[int], None] = lambda _: None
    seconds: dict[str, list[StepSeconds]] = field(default_factory=dict)
    _boxes: list[dict[str, Any]] = field(default_factory=list)
    _times: list[dict[str, Any]] = field(default_factory=list)

    def run(
        self, sources: Sequence[DetectSource]
    ) -> Iterator[DetectedPicture | DetectedVideo | BrokenSource]:
        """Detect on sources one after the other; write a drawing of each, and tables at the end.

        Yields:
            What was detected on each source, when its drawing is written, or why it is broken.

        Raises:
            DataError: The folder cannot be made.
            StageError: There is a video, and OpenCV is missing.
        """
        try:
            self.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            text = f"{self.out}: must be a folder to write into, {error.strerror}"
            raise DataError(text) from error
        for source, name in zip(sources, drawing_names(sources), strict=True):
            try:
                yield self._video(source, name) if source.is_video else self._picture(source, name)
            except DataError as error:
                yield BrokenSource(str(error))
        if self.seconds:
            write_csv(self.out / "detections.csv", HEADER, self._boxes)
            write_csv(self.out / "times.csv", TIMES_HEADER, self._times)

    def _picture(self, source: DetectSource, name: str) -> DetectedPicture:
        start = time.perf_counter()
        picture = read_photo(Path(source.place))
        detected, drawn = detect_picture(self.detector, picture, source.label, start)
        drawn.save(self.out / f"{name}.png")
        self._note(detected)
        return detected

    def _video(self, source: DetectSource, name: str) -> DetectedVideo:
        about = about_video(source)
        suffix = ".gif" if source.place.lower().endswith(".gif") else ".mp4"
        drawing = VideoDrawing(self.out / f"{name}{suffix}", about.rate)
        counts: dict[str, int] = {}
        frames, same = 0, 0
        start = time.perf_counter()
        try:
            # A camera is stopped by the person; what is done until then is kept.
            with contextlib.suppress(*((KeyboardInterrupt,) if source.is_live else ())):
                for frame in itertools.islice(read_frames(source), self.most_frames):
                    detected, drawn = detect_picture(
                        self.detector,
                        frame.picture,
                        source.label,
                        start,
                        (frame.number, frame.time_s),
                    )
                    drawing.add(drawn)
                    self._note(detected)
                    frames, same = frames + 1, same + (detected.same or 0)
                    for network, found in detected.found.items():
                        counts[network] = counts.get(network, 0) + len(found)
                    start = time.perf_counter()
        finally:
            drawing.close()
        known = self.detector.deployed is not None
        return DetectedVideo(source.label, frames, counts, same if known else None)

    def _note(self, detected: DetectedPicture) -> None:
        number = None if detected.frame is None else detected.frame[0]
        self._boxes += _rows(detected, self.detector.labels)
        for network, taken in detected.seconds.items():
            self.seconds.setdefault(network, []).append(taken)
            about = {"picture": detected.label, "frame": number, "network": network}
            self._times.append(about | taken.row())
        self.advance(1)


def detect_picture(
    detector: Detector,
    picture: Image.Image,
    label: str,
    start: float | None = None,
    frame: tuple[int, float] | None = None,
) -> tuple[DetectedPicture, Image.Image]:
    """Detect on one picture and draw what the float network finds, what the plan finds, and both.

    Args:
        detector: The network, and the plan if there is one.
        picture: The picture.
        label: Short name of it.
        start: When its reading began, by ``time.perf_counter``; now if None.
        frame: Number and seconds of the frame, if it is one.

    Returns:
        What was detected, and the drawing.
    """
    start = time.perf_counter() if start is None else start
    inputs = detector.letterbox(picture)[None]
    read_s = time.perf_counter() - start
    first, taken = detector.run_float(inputs, picture.size, read_s)
    found, seconds, labels = {"float": first}, {"float": taken}, detector.labels
    if detector.deployed is None:
        drawn = draw_boxes(picture, first, labels)
        return DetectedPicture(label, found, seconds, None, frame), drawn
    second, taken = detector.run_plan(inputs, picture.size, read_s)
    found[detector.plan], seconds[detector.plan] = second, taken
    matches = match_boxes(first, second)
    panels = [
        (f"float network: {len(first)}", draw_boxes(picture, first, labels)),
        (
            f"{detector.plan}: {len(second)}, {taken.wire_bytes:,} bytes crossed",
            draw_boxes(picture, second, labels),
        ),
        (
            _title(len(matches.pairs), len(first), len(second)),
            _draw_both(picture, (first, second), matches, labels),
        ),
    ]
    detected = DetectedPicture(label, found, seconds, len(matches.pairs), frame)
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
    number, time_s = detected.frame or (None, None)
    place = [detected.label, number, None if time_s is None else round(time_s, 3)]
    for network, found in detected.found.items():
        columns = zip(
            found.classes.tolist(), found.scores.tolist(), found.boxes.tolist(), strict=True
        )
        for kind, score, box in columns:
            about = [*place, network, labels[kind], round(score, 4)]
            yield dict(zip(HEADER, [*about, *(round(side, 1) for side in box)], strict=True))
