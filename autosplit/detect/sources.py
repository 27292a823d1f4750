"""What ``--source`` names -> pictures, videos, cameras and streams, one after the other."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from autosplit.data.image_folder import SUFFIXES
from autosplit.errors import DataError
from autosplit.plainfile import listed_files

VIDEO_SUFFIXES = tuple(
    ".mp4 .avi .mov .mkv .webm .m4v .gif .ts .mts .m2ts .wmv .asf .flv .f4v .mpg .mpeg .m2v .vob "
    ".ogv .3gp .3g2".split()
)
"""Ends of the names of videos."""
PATTERN = "*?["
"""Characters that make a name a pattern, unless there is a file of that name."""


@dataclass(frozen=True, slots=True)
class DetectSource:
    """A picture or a video to detect on.

    Attributes:
        place: File, number of a camera, or address of a stream.
        label: Short name of it in tables.
        is_video: Whether it has frames.
    """

    place: str
    label: str
    is_video: bool = False

    @property
    def is_live(self) -> bool:
        """Whether it has no end of its own."""
        return self.is_video and (self.place.isdecimal() or "://" in self.place)


def detect_sources(source: str) -> tuple[DetectSource, ...]:
    """List what a source names, in the order of names.

    Args:
        source: A picture; a video (``VIDEO_SUFFIXES``); a folder, with all folders in it; a pattern
            such as ``photos/*.jpg``; a list of files, ``FILE.txt``; the number of a camera; or the
            address of a stream, such as ``rtsp://...``.

    Raises:
        DataError: There is nothing of that name, or no picture or video in it.
    """
    path = Path(source)
    if "://" in source:
        return (DetectSource(source, "stream", is_video=True),)
    if path.is_dir():
        _check_readable(path)
        found = (p for p in sorted(path.rglob("*")) if p.suffix.lower() in _KNOWN)
        inside = (p for p in found if not p.is_dir())
        return _all(inside, path, f"{source}: must hold pictures ({' '.join(SUFFIXES)}) or videos")
    if path.is_file() and path.suffix.lower() == ".txt":

        def beside(name: str) -> Path:
            return near if (near := path.parent / name).exists() else Path(name)

        listed = listed_files(path, beside)
        return _all(listed, None, f"{source}: must list pictures or videos")
    if path.exists():
        return (_file(path, path.name),)
    if source.isdecimal():
        return (DetectSource(source, f"camera {source}", is_video=True),)
    if any(letter in source for letter in PATTERN):
        matches = (Path(p) for p in sorted(glob.glob(source, recursive=True)))  # noqa: PTH207 - absolute
        files = (p for p in matches if p.suffix.lower() in _KNOWN and p.is_file())
        return _all(files, None, f"{source}: must match pictures or videos")
    raise DataError(
        f"{source}: must be a picture, a video, a folder, a pattern, a list (.txt) or a camera, "
        "there is none"
    )


def drawing_names(sources: Sequence[DetectSource]) -> tuple[str, ...]:
    """Names of the drawings, without suffix: different for every source."""
    whole = [source.label.replace("/", "_") for source in sources]
    stems = [str(Path(name).with_suffix("")) for name in whole]
    names = [s if stems.count(s) == 1 else w for s, w in zip(stems, whole, strict=True)]
    twice = {name for name in names if names.count(name) > 1}
    return tuple(f"{name}_{i}" if name in twice else name for i, name in enumerate(names))


def _check_readable(folder: Path) -> None:
    """Make sure that a folder may be read; ``rglob`` finds nothing in one that may not.

    Raises:
        DataError: It may not.
    """
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        raise DataError(f"{folder}: must be a folder that can be read, {error.strerror}") from error


def _all(paths: Iterable[Path], root: Path | None, problem: str) -> tuple[DetectSource, ...]:
    files = list(paths)
    if not files:
        raise DataError(f"{problem}, there are none")
    if root is not None:
        return tuple(_file(path, path.relative_to(root).as_posix()) for path in files)
    return tuple(map(_file, files, _short_names(files)))


def _short_names(files: Sequence[Path]) -> list[str]:
    """Names of files without their folders, or with as many of them as tell the files apart.

    >>> _short_names([Path("src/a.png"), Path("src/x/a.png"), Path("src/b.png")])
    ['src/a.png', 'x/a.png', 'b.png']
    """
    lengths = dict.fromkeys(files, 1)
    while True:
        names = {path: Path(*path.parts[-length:]).as_posix() for path, length in lengths.items()}
        counts = Counter(names.values())
        short = [
            path
            for path, length in lengths.items()
            if counts[names[path]] > 1 and length < len(path.parts)
        ]
        if not short:
            return [names[path] for path in files]
        lengths |= {path: lengths[path] + 1 for path in short}


def _file(path: Path, label: str) -> DetectSource:
    return DetectSource(str(path), label, path.suffix.lower() in VIDEO_SUFFIXES)


_KNOWN = (*SUFFIXES, *VIDEO_SUFFIXES)
