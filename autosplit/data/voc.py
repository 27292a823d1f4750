"""Annotations in Pascal VOC's layout -> pictures with their ground truth.

The annotations are ``Annotations/*.xml``, or XML files beside the pictures; the pictures are in
``JPEGImages/``, ``images/`` or beside them; ``ImageSets/Main/`` may list the splits.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

from autosplit.data.coco import Box, Pictures, Truth, check_pictures, clipped_box, known_pictures
from autosplit.data.dirty import Dirt, LabelRules, listed_twice
from autosplit.data.image_folder import SUFFIXES
from autosplit.data.photo_file import photo_size
from autosplit.errors import DataError, FileError, warn
from autosplit.plainfile import read_latin_text

_SIDES = ("xmin", "ymin", "xmax", "ymax")
Objects = list[tuple[Box, str, bool]]
"""Box, name of the class and whether it is marked as difficult, of each object of a picture."""


def read_voc_splits(folder: Path, rules: LabelRules) -> tuple[Pictures | None, Pictures] | None:
    """Read the training pictures, if they are listed, and the validation pictures of a folder.

    Classes are numbered as the network numbers them if it knows all their names, else in the order
    of their names.  Difficult objects count as crowds: they need not be found.

    Returns:
        None if the folder is in another layout.

    Raises:
        DataError: A file cannot be read, or all pictures are missing.
    """
    place = folder / "Annotations" if (folder / "Annotations").is_dir() else folder
    files = {path.stem: path for path in sorted(place.glob("*.xml"))}
    if not files:
        return None
    dirt = Dirt(str(place), rules.strict)
    found = {}
    for stem, path in files.items():
        with dirt.collecting():
            found[stem] = _picture(path, folder, dirt)
    dirt.tell()
    names = sorted({name for _, _, objects in found.values() for _, name, _ in objects})
    names = list(rules.labels) if set(names) <= set(rules.labels) else names
    train, val = (_listed(folder, split, found) for split in ("train", "val"))
    pictures = [
        Pictures(
            tuple((found[s][0], _truth(*found[s][1:], names)) for s in stems),
            tuple(names),
            tuple(dirt.told),
        )
        for stems in (train, val or list(found))
    ]
    trained = known_pictures(place, pictures[0], rules) if train and val else None
    return trained, check_pictures(place, pictures[1], rules)


def _listed(
    folder: Path, split: str, found: dict[str, tuple[Path, tuple[int, int], Objects]]
) -> list[str]:
    """Names of the pictures of a split that have annotations; none without a list."""
    path = folder / "ImageSets" / "Main" / f"{split}.txt"
    if not path.is_file():
        return []
    words = (line.split() for line in read_latin_text(path).splitlines())
    listed = [word[0] for word in words if word and word[0] in found]
    warn(listed_twice(str(path), len(listed) - len(set(listed))))
    return list(dict.fromkeys(listed))


def _picture(path: Path, folder: Path, dirt: Dirt) -> tuple[Path, tuple[int, int], Objects]:
    """File, size and objects of one picture."""
    try:
        text = read_latin_text(path)
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise DataError(f"{path}: must be plain annotations, has a document type")
        root = ET.fromstring(text)  # noqa: S314 - without a document type there are no entities
    except (FileError, ET.ParseError) as error:
        raise DataError(f"{path}: must be an XML file of Pascal VOC, {error}") from error
    if root.tag != "annotation":
        raise DataError(f"{path}: must be an annotation of Pascal VOC, is {root.tag[:40]!r}")
    file = _file(path, folder, root.findtext("filename") or f"{path.stem}.jpg")
    size = _whole(path, root, "size/width"), _whole(path, root, "size/height")
    if 0 in size and file.is_file():  # some tools leave the size out
        size = photo_size(file)
    objects: dict[tuple[Box, str, bool], None] = {}
    for number, item in enumerate(root.iter("object"), 1):
        with dirt.collecting():
            found = _object(f"{path}: object {number}", item, size)
            dirt.doubles += found in objects
            objects[found] = None
    return file, size, list(objects)


def _file(path: Path, folder: Path, name: str) -> Path:
    """The picture of a file: as it is named there, perhaps without its end, or as the file is."""
    name = name.replace("\\", "/").rpartition("/")[2]
    names = [name, *(f"{stem}{end}" for stem in (name, path.stem) for end in SUFFIXES)]
    folders = [folder / "JPEGImages", folder / "images", folder, path.parent]
    places = [place / one for place in folders for one in names]
    return next((place for place in places if place.is_file()), places[0])


def _object(where: str, item: ET.Element, size: tuple[int, int]) -> tuple[Box, str, bool]:
    """Pixels count from 1 in these files, the last one included; those that are 0 are clipped."""
    name = (item.findtext("name") or "").strip()
    try:
        sides = [float(item.findtext(f"bndbox/{key}") or "") for key in _SIDES]
    except ValueError as error:
        raise DataError(f"{where}: must have the four sides of a box") from error
    left, top, right, bottom = sides
    sound = all(map(math.isfinite, sides)) and left <= right and top <= bottom
    if not name or not sound:
        raise DataError(f"{where}: must have a name and a box, got {name!r} and {sides}")
    left, top = max(left - 1, 0.0), max(top - 1, 0.0)
    box = clipped_box(where, (left, top, right - left, bottom - top), size)
    return box, name, (item.findtext("difficult") or "0").strip().lower() in ("1", "true")


def _truth(size: tuple[int, int], objects: Objects, names: Sequence[str]) -> Truth:
    return Truth(
        *size,
        tuple(box for box, _, _ in objects),
        tuple(names.index(name) for _, name, _ in objects),
        tuple(box[2] * box[3] for box, _, _ in objects),
        tuple(difficult for _, _, difficult in objects),
    )


def _whole(path: Path, root: ET.Element, key: str) -> int:
    text = (root.findtext(key) or "0").strip()
    if not text.isdecimal():
        raise DataError(f"{path}: must have {key.replace('/', ' and its ')}, got {text!r}")
    return int(text)
