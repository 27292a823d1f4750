"""Lists of pictures in Darknet's layout -> pictures with their ground truth.

The layout is a list of pictures, ``val.txt`` and perhaps ``train.txt``, or a ``.data`` file that
names both.  Each picture has a text file with a line for each box, as ``label_lines`` says.  The
text file of a picture in ``images/``, ``JPEGImages/`` or ``raw/`` is in ``labels/`` or beside it,
that of any other picture is beside it; a picture without a text file has no boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from autosplit.data.coco import Box, Pictures, Truth, check_pictures, clipped_box
from autosplit.data.coco_categories import COCO_CATEGORIES
from autosplit.data.dirty import USUAL_RULES, Dirt, LabelRules, listed_twice
from autosplit.data.label_lines import MOST_NUMBERED, BoxShares, parse_label
from autosplit.data.photo_file import photo_size
from autosplit.errors import DataError, FileError, counted, warn
from autosplit.plainfile import listed_files, read_latin_text

_TRAIN = ("train.txt",)
_VAL = ("val.txt", "valid.txt")


def read_darknet_splits(
    folder: Path, rules: LabelRules = USUAL_RULES, file: Path | None = None
) -> tuple[Pictures | None, Pictures] | None:
    """Read the training pictures, if they are listed, and the validation pictures of a folder.

    Args:
        folder: The folder.
        rules: Whether wrong lines are refused.
        file: The ``.data`` file; None: the only one of the folder, if there is one.

    Returns:
        None if the folder is in another layout.

    Raises:
        DataError: A list, a text file of boxes or a picture is wrong or missing.
    """
    options = _options(folder, file)
    train = _list_file(folder, options.get("train"), _TRAIN)
    val = _list_file(folder, options.get("valid"), _VAL)
    if val is None:
        return None
    names = _names(folder, options.get("names"))
    trained = None
    if train and any(path.is_file() for path in _listed(train, folder)):
        trained = read_darknet_list(train, folder, names, rules)
    return trained, read_darknet_list(val, folder, names, rules)


def read_darknet_list(
    path: Path, folder: Path, names: Sequence[str] = (), rules: LabelRules = USUAL_RULES
) -> Pictures:
    """Read one list of pictures and their boxes.

    Args:
        path: The list, one picture per line, relative to ``folder`` or absolute.
        folder: Folder that relative names begin at.
        names: Names of the classes, in order.  Without names, the classes are the network's; where
            it is not known or has fewer, classes up to 80 have the names of COCO's, and more
            classes have their numbers.
        rules: What is known of the network, and whether wrong lines are refused.

    Raises:
        DataError: All pictures are missing, or a class has no name.
    """
    return read_labels(path, _listed(path, folder), names, rules)


def _listed(path: Path, folder: Path) -> list[Path]:
    """Pictures of a list."""
    try:
        return listed_files(path, partial(_place, folder))
    except FileError as error:
        raise DataError(str(error)) from error


def _place(folder: Path, name: str) -> Path:
    """Where a file is that a list or a ``.data`` file names.

    Such names begin at the folder that Darknet is started in: that of the file, the one above it,
    or the current one.
    """
    places = (folder / name, folder.parent / name, Path(name))
    return next((place for place in places if place.is_file()), places[0])


def read_labels(
    path: Path,
    found: Sequence[Path],
    names: Sequence[str],
    rules: LabelRules,
    keypoints: int = 0,
) -> Pictures:
    """Read the text files of pictures.

    Args:
        path: What lists the pictures, for errors.
        found: The pictures.
        names: Names of the classes, as ``read_darknet_list`` takes them.
        rules: Whether wrong lines are refused.
        keypoints: Numbers of the keypoints of an object, as ``parse_label`` takes them.

    Raises:
        DataError: All pictures are missing, or a class has no name.
    """
    found, count = list(dict.fromkeys(found)), len(found)
    warn(listed_twice(str(path), count - len(found)))
    there = [file for file in found if file.is_file()]
    dirt = Dirt(str(path), rules.strict)
    truths = {}
    for file in there:
        with dirt.collecting():  # a picture may be broken
            truths[file] = _truth(file, dirt, len(names) or MOST_NUMBERED, keypoints)
    if there and not truths:
        raise DataError(dirt.told[0])
    dirt.tell()
    warn(_without_labels(path, tuple(truths)))
    most = max((number for truth in truths.values() for number in truth.classes), default=-1)
    known = tuple(names) or (rules.labels if most < len(rules.labels) else _numbered(most + 1))
    broken = set(there) - truths.keys()
    files = tuple((f, truths.get(f, Truth(0, 0))) for f in found if f not in broken)
    pictures = Pictures(files, known, tuple(dirt.told))
    return check_pictures(path, pictures, rules)


def _without_labels(path: Path, pictures: Sequence[Path]) -> str:
    """Say how many pictures have no text file and so no boxes; empty if all have one."""
    without = [file for picture in pictures if not (file := _label_file(picture)).is_file()]
    if not without:
        return ""
    have, count = ("has", "counts") if len(without) == 1 else ("have", "count")
    return (
        f"{path}: {len(without):,} of {counted(len(pictures), 'picture')} {have} no text file of "
        f"boxes and {count} as empty, the first would be {without[0]}"
    )


def _truth(picture: Path, dirt: Dirt, classes: int, keypoints: int) -> Truth:
    """Read the text file of a picture; lines that are no boxes are left out and listed.

    Args:
        picture: The picture.
        dirt: Collects the lines that are left out.
        classes: Classes with a name.
        keypoints: Numbers of the keypoints of an object.
    """
    path = _label_file(picture)
    width, height = photo_size(picture)
    labels: dict[tuple[int, BoxShares], None] = {}  # in the order of the lines, each once
    for place, line in enumerate(_text(path).splitlines() if path.is_file() else (), 1):
        with dirt.collecting():
            try:
                label = parse_label(line, keypoints)
            except ValueError as error:
                raise DataError(f"{path}:{place}: {error}") from error
            if label and label[0] >= classes:
                raise DataError(
                    f"{path}:{place}: must be a class of 0..{classes - 1} as named, got {line!r}"
                )
            dirt.doubles += label in labels
            labels |= {label: None} if label else {}
    boxes = tuple(
        clipped_box(str(path), _pixels(shares, width, height), (width, height))
        for _, shares in labels
    )
    areas = tuple(box[2] * box[3] for box in boxes)
    numbers = tuple(number for number, _ in labels)
    return Truth(width, height, boxes, numbers, areas, (False,) * len(boxes))


def _pixels(shares: BoxShares, width: int, height: int) -> Box:
    x, y, across, down = shares
    return (x - across / 2) * width, (y - down / 2) * height, across * width, down * height


def _label_file(picture: Path) -> Path:
    """Path of a picture's text file: ``images/a/b.jpg`` -> ``labels/a/b.txt``.

    The last folder of such a name counts.  Where no file is there, the file may be beside the
    picture; where neither is there, the path is the first one.
    """
    parts = list(picture.parts)
    for place in range(len(parts) - 2, -1, -1):
        if parts[place] in PICTURE_FOLDERS:
            parts[place] = "labels"
            break
    beside = picture.with_suffix(".txt")
    other = Path(*parts).with_suffix(".txt")
    return beside if beside.is_file() and not other.is_file() else other


PICTURE_FOLDERS = ("images", "JPEGImages", "raw")
"""Folders in whose place Darknet looks into ``labels``."""


def _options(folder: Path, file: Path | None) -> dict[str, str]:
    """Read the options of the folder's only ``.data`` file; none without such a file."""
    files = sorted(folder.glob("*.data")) if file is None else [file]
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise DataError(f"{folder}: must have one .data file, has {names}")
    lines = _lines(files[0]) if files else []
    pairs = (line.partition("#")[0].partition("=") for line in lines)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _list_file(folder: Path, named: str | None, usual: Sequence[str]) -> Path | None:
    if named is not None:
        return _place(folder, named)
    return next((folder / name for name in usual if (folder / name).is_file()), None)


def _names(folder: Path, named: str | None) -> tuple[str, ...]:
    """Read the names of the classes; none without a file of names."""
    files = [_place(folder, named)] if named else sorted(folder.glob("*.names"))
    return tuple(_lines(files[0])) if len(files) == 1 else ()


def _numbered(count: int) -> tuple[str, ...]:
    """Name classes without names: COCO's names up to 80 classes, else their numbers."""
    coco = tuple(COCO_CATEGORIES.values())
    return coco if count <= len(coco) else tuple(map(str, range(count)))


def _lines(path: Path) -> list[str]:
    """Lines of a text file that are not empty."""
    return [line.strip() for line in _text(path).splitlines() if line.strip()]


def _text(path: Path) -> str:
    try:
        return read_latin_text(path)
    except FileError as error:
        raise DataError(str(error)) from error
