"""Lists of pictures in Darknet's layout -> pictures with their ground truth.

The layout is a list of pictures, ``val.txt`` and perhaps ``train.txt``, or a ``.data`` file that
names both.  Each picture has a text file with a line ``class x y width height`` for each box,
centre and size as shares of the picture.  The text file of a picture in ``images/`` is in
``labels/``, that of any other picture is beside it; a picture without a text file has no boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import ExifTags, Image

from autosplit.data.coco import COCO_CATEGORIES, Box, Pictures, Truth, check_pictures
from autosplit.errors import DataError

_LYING = {5, 6, 7, 8}
"""EXIF orientations of pictures whose width and height are exchanged when they are shown."""
_TRAIN = ("train.txt",)
_VAL = ("val.txt", "valid.txt")


def read_darknet_splits(folder: Path) -> tuple[Pictures | None, Pictures] | None:
    """Read the training pictures, if they are listed, and the validation pictures of a folder.

    Returns:
        None if the folder is in another layout.

    Raises:
        DataError: A list, a text file of boxes or a picture is wrong or missing.
    """
    options = _options(folder)
    train = _list_file(folder, options.get("train"), _TRAIN)
    val = _list_file(folder, options.get("valid"), _VAL)
    if val is None:
        return None
    names = _names(folder, options.get("names"))
    pictures = read_darknet_list(val, folder, names)
    return (read_darknet_list(train, folder, names) if train else None), pictures


def read_darknet_list(path: Path, folder: Path, names: Sequence[str] = ()) -> Pictures:
    """Read one list of pictures and their boxes.

    Args:
        path: The list, one picture per line, relative to ``folder`` or absolute.
        folder: Folder that relative names begin at.
        names: Names of the classes, in order.  Without names, classes up to 80 have the names of
            COCO's, and more classes have their numbers.

    Raises:
        DataError: A picture is missing, or its text file is wrong.
    """
    found = [folder / line for line in _lines(path)]
    there = [file for file in found if file.is_file()]
    truths = {file: _truth(file) for file in there}
    most = max((number for truth in truths.values() for number in truth.classes), default=-1)
    if names and most >= len(names):
        raise DataError(f"{path}: must have classes 0..{len(names) - 1} as named, has class {most}")
    known = tuple(names) or _numbered(most + 1)
    pictures = Pictures(tuple((f, truths.get(f, Truth(0, 0))) for f in found), known)
    check_pictures(path, pictures)
    return pictures


def _truth(picture: Path) -> Truth:
    """Read the text file of a picture."""
    path = _label_file(picture)
    lines = _lines(path) if path.is_file() else []
    try:
        with Image.open(picture) as image:
            width, height = image.size
            if image.getexif().get(ExifTags.Base.Orientation) in _LYING:
                width, height = height, width
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        text = " ".join(str(error).split())
        raise DataError(f"{picture}: must be an image that can be read, got {text}") from error
    classes, boxes = [], []
    for line in lines:
        number, box = _parse(path, line)
        classes.append(number)
        x, y, across, down = box
        boxes.append(
            (
                (x - across / 2) * width,
                (y - down / 2) * height,
                across * width,
                down * height,
            )
        )
    areas = tuple(box[2] * box[3] for box in boxes)
    return Truth(width, height, tuple(boxes), tuple(classes), areas, (False,) * len(boxes))


def _parse(path: Path, line: str) -> tuple[int, Box]:
    """Read one line: the class, and the box as shares of the picture."""
    words = line.split()
    try:
        number, x, y, width, height = int(words[0]), *map(float, words[1:])
    except ValueError:
        number, x, y, width, height = -1, 0.0, 0.0, 0.0, 0.0
    if number < 0 or not all(0 <= share <= 1 for share in (x, y, width, height)):
        raise DataError(
            f"{path}: each line must be a class and the centre and size of a box as shares of the "
            f"picture, 0..1, got {line!r}"
        )
    return number, (x, y, width, height)


def _label_file(picture: Path) -> Path:
    """Path of a picture's text file: ``images/a/b.jpg`` -> ``labels/a/b.txt``.

    The last folder named ``images`` counts.
    """
    parts = list(picture.parts)
    for place in range(len(parts) - 2, -1, -1):
        if parts[place] == "images":
            parts[place] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def _options(folder: Path) -> dict[str, str]:
    """Read the options of the folder's only ``.data`` file; none without such a file."""
    files = sorted(folder.glob("*.data"))
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise DataError(f"{folder}: must have one .data file, has {names}")
    lines = _lines(files[0]) if files else []
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    return {key.strip(): value.strip() for key, _, value in pairs}


def _list_file(folder: Path, named: str | None, usual: Sequence[str]) -> Path | None:
    if named is not None:
        return folder / named
    return next((folder / name for name in usual if (folder / name).is_file()), None)


def _names(folder: Path, named: str | None) -> tuple[str, ...]:
    """Read the names of the classes; none without a file of names."""
    files = [folder / named] if named else sorted(folder.glob("*.names"))
    return tuple(_lines(files[0])) if len(files) == 1 else ()


def _numbered(count: int) -> tuple[str, ...]:
    """Name classes without names: COCO's names up to 80 classes, else their numbers."""
    coco = tuple(COCO_CATEGORIES.values())
    return coco if count <= len(coco) else tuple(map(str, range(count)))


def _lines(path: Path) -> list[str]:
    """Lines of a text file that are not empty."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise DataError(f"{path}: must be a readable text file, {reason}") from error
    return [line.strip() for line in text.splitlines() if line.strip()]
