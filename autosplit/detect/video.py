"""Frames of a video, a camera or a stream; and drawn frames -> a video.

GIF files are read and written with Pillow, all others with OpenCV (the extra ``video``).
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from autosplit.data.photo_file import BROKEN, broken_photo
from autosplit.deploy.extras import need
from autosplit.detect.container_size import said_bytes
from autosplit.detect.sources import DetectSource
from autosplit.errors import DataError, counted

USUAL_RATE = 25.0
"""Frames per second where a video does not say."""


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """A frame of a video.

    Attributes:
        picture: The frame, RGB.
        number: Number of the frame, from 0.
        time_s: When it is shown, seconds from the start.
    """

    picture: Image.Image
    number: int
    time_s: float


@dataclass(frozen=True, slots=True)
class VideoAbout:
    """What a video says of itself.

    Attributes:
        rate: Frames per second.
        frames: Number of frames; None where it is not known.
    """

    rate: float
    frames: int | None


def about_video(source: DetectSource) -> VideoAbout:
    """Read the rate and the number of frames.

    Raises:
        DataError: It cannot be opened.
        StageError: OpenCV is missing.
    """
    if _is_gif(source.place):
        shown_s: list[float] = []
        with _open_gif(source.place) as gif, contextlib.suppress(*BROKEN):
            while True:
                shown_s.append(_shown_s(gif, len(shown_s)))
        return VideoAbout(len(shown_s) / sum(shown_s) if shown_s else USUAL_RATE, len(shown_s))
    cv2 = _opencv()
    capture = _open(source.place)
    rate, count = capture.get(cv2.CAP_PROP_FPS), int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    capture.release()
    known = np.isfinite(rate) and 0 < rate <= 1000
    return VideoAbout(rate if known else USUAL_RATE, None if source.is_live else max(count, 0))


def read_frames(source: DetectSource) -> Iterator[VideoFrame]:
    """Read the frames of a video one after the other.

    Raises:
        DataError: It cannot be opened, or has no frame, or is cut off after its last frame.
        StageError: OpenCV is missing.
    """
    if _is_gif(source.place):
        yield from _gif_frames(source.place)
        return
    cv2 = _opencv()
    rate = about_video(source).rate
    capture = _open(source.place)
    number, start_ms, time_s = 0, 0.0, 0.0
    try:
        while True:
            there, pixels = capture.read()
            if not there:
                break
            picture = Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1]))
            shown_ms = capture.get(cv2.CAP_PROP_POS_MSEC)
            if number == 0:
                start_ms = shown_ms
            else:  # some streams give no times
                since_s = (shown_ms - start_ms) / 1000
                time_s = since_s if since_s > time_s else time_s + 1 / rate
            yield VideoFrame(picture, number, time_s)
            number += 1
    finally:
        capture.release()
    if not number:
        raise DataError(f"{source.place}: must be a video with frames that OpenCV reads, has none")
    if not source.is_live:
        _check_whole(Path(source.place), number)


def _check_whole(path: Path, frames: int) -> None:
    """Make sure that a video file, of which all frames were read, is not cut off.

    Raises:
        DataError: It is.
    """
    there, said = path.stat().st_size, said_bytes(path)
    if said is not None and there < said:
        raise DataError(
            f"{path}: must be a whole video of {said:,} bytes, has {there:,}; only "
            f"{counted(frames, 'frame')} can be read"
        )


def frame_count(sources: Sequence[DetectSource], most: int | None) -> int:
    """Number of pictures and frames, as far as it is known: for a progress bar.

    Args:
        sources: Pictures and videos.
        most: Most frames of a video; None for all.
    """
    total = 0
    for source in sources:
        count: int | None = None if source.is_live else 1
        if source.is_video and not source.is_live:
            try:
                count = about_video(source).frames
            except DataError:
                count = 0
        total += (count or 0) if most is None else min(most if count is None else count, most)
    return max(total, 1)


@dataclass
class VideoDrawing:
    """Writes drawn frames as a video, all of the size of the first.

    Attributes:
        path: File to write: ``.gif``, or ``.mp4``.
        rate: Frames per second.
    """

    path: Path
    rate: float
    _frames: list[Image.Image] = field(default_factory=list)
    _writer: Any = None
    _size: tuple[int, int] = (0, 0)

    def add(self, frame: Image.Image) -> None:
        """Write the next frame.

        Raises:
            DataError: The file cannot be written.
        """
        if self._size == (0, 0):
            self._size = (frame.width // 2 * 2, frame.height // 2 * 2)  # MPEG-4 takes even sides
        if frame.size != self._size:
            sheet = Image.new("RGB", self._size, "white")
            sheet.paste(frame)
            frame = sheet
        if self.path.suffix == ".gif":
            self._frames.append(frame.convert("P", palette=Image.Palette.ADAPTIVE))
            return
        cv2 = _opencv()
        if self._writer is None:
            code = cv2.VideoWriter.fourcc(*"mp4v")
            self._writer = cv2.VideoWriter(str(self.path), code, self.rate, self._size)
            if not self._writer.isOpened():
                raise DataError(f"{self.path}: must be a video that OpenCV can write")
        self._writer.write(np.asarray(frame.convert("RGB"))[:, :, ::-1])

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.release()
        if self._frames:
            first, *rest = self._frames
            shown_ms = max(20, round(1000 / self.rate))
            first.save(self.path, save_all=True, append_images=rest, duration=shown_ms, loop=0)


def _is_gif(place: str) -> bool:
    return place.lower().endswith(".gif") and "://" not in place


def _gif_frames(place: str) -> Iterator[VideoFrame]:
    time_s = 0.0
    with _open_gif(place) as gif:
        for number in itertools.count():
            try:
                shown_s = _shown_s(gif, number)
                picture = gif.convert("RGB")
            except BROKEN as error:
                if number and isinstance(error, EOFError):
                    return
                raise DataError(f"{place}: frame {number} cannot be read, {error}") from error
            yield VideoFrame(picture, number, time_s)
            time_s += shown_s


def _open_gif(place: str) -> Image.Image:
    try:
        return Image.open(place)
    except BROKEN as error:
        raise broken_photo(Path(place), error, "a GIF") from error


def _shown_s(gif: Image.Image, number: int) -> float:
    gif.seek(number)
    return float(gif.info.get("duration") or 1000 / USUAL_RATE) / 1000


def _opencv() -> Any:
    """OpenCV, which says nothing of its own."""
    need("video", "cv2")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
    return importlib.import_module("cv2")


def _open(place: str) -> Any:
    capture = _opencv().VideoCapture(int(place) if place.isdecimal() else place)
    if not capture.isOpened():
        what = "the number of a camera" if place.isdecimal() else "a video"
        what = "a stream" if "://" in place else what
        raise DataError(f"{place}: must be {what} that OpenCV can read, cannot be opened")
    return capture
