"""Annotations in COCO's layout -> pictures with their ground truth.

The annotations are in ``annotations/instances_NAME.json``, and the pictures in ``NAME/``,
``images/NAME/``, ``images/`` or the folder itself.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autosplit.data.coco_categories import (
    area_of,
    box_of,
    distinct,
    id_of,
    image_of,
    name_of,
    number_classes,
    number_of,
    without_root,
)
from autosplit.data.dirty import USUAL_RULES, Dirt, LabelRules, listed_twice
from autosplit.data.photo_file import photo_size
from autosplit.errors import DataError, warn

Box = tuple[float, float, float, float]
"""Left, top, width and height, pixels of the picture."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Ground truth of one picture: the objects that a detector should find.

    Attributes:
        width, height: Size of the picture, pixels.
        boxes: Box of each object.
        classes: Number of the class of each object, as the network numbers classes.
        areas: Area of each object, square pixels: of its outline where the file has one, else of
            its box.  The area decides whether an object is small, medium or large.
        crowds: Whether each box is around a crowd, whose members need not be found one by one.
    """

    width: int
    height: int
    boxes: tuple[Box, ...] = ()
    classes: tuple[int, ...] = ()
    areas: tuple[float, ...] = ()
    crowds: tuple[bool, ...] = ()


def truth_of(data: Mapping[str, Any]) -> Truth:
    """Make the record of what ``dataclasses.asdict`` made of one, through JSON or not."""
    boxes = tuple((x, y, width, height) for x, y, width, height in data["boxes"])
    lists = (tuple(data[key]) for key in ("classes", "areas", "crowds"))
    return Truth(data["width"], data["height"], boxes, *lists)


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures with their ground truth.

    Attributes:
        files: File and ground truth of each picture.
        classes: Names of the classes, in the network's order.
        left_out: What is wrong with each entry that is left out.
    """

    files: tuple[tuple[Path, Truth], ...]
    classes: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def read_coco_splits(
    folder: Path, rules: LabelRules = USUAL_RULES
) -> tuple[Pictures | None, Pictures] | None:
    """Read the training pictures, if they are there, and the validation pictures of a folder.

    Args:
        folder: The folder.
        rules: What is known of the network, and whether wrong entries are refused.

    Returns:
        None if the folder is in another layout.

    Raises:
        DataError: There is more than one file for validation, or one of the files is wrong.
    """
    jsons = sorted((folder / "annotations").glob("*.json")) or sorted(folder.glob("*.json"))
    jsons = [path for path in jsons if path.stem.startswith("instances_")] or jsons
    if not jsons:
        return _of_service(folder, rules)
    train = [path for path in jsons if "train" in path.stem]
    val = [path for path in jsons if "val" in path.stem]
    val = val or [path for path in jsons if path not in train] or train
    if len(val) > 1:
        names = ", ".join(path.name for path in val)
        raise DataError(f"{folder}: must have one annotation file for validation, has {names}")
    other = _read(train[0], folder, rules) if train and train != val else None
    return known_pictures(train[0], other, rules) if other else None, read_coco(
        val[0], folder, rules
    )


def _of_service(folder: Path, rules: LabelRules) -> tuple[Pictures | None, Pictures] | None:
    """Read ``train/*.json`` and ``valid/*.json`` with their pictures beside them."""
    found = {part: sorted((folder / part).glob("*.json")) for part in ("train", *_VALIDATION)}
    train = found.pop("train")
    val = next((files for files in found.values() if len(files) == 1), [])
    if not val:
        return None
    other = _read(train[0], train[0].parent, rules) if len(train) == 1 else None
    pictures = known_pictures(train[0], other, rules) if other else None
    return pictures, read_coco(val[0], val[0].parent, rules)


_VALIDATION = ("valid", "val", "test")
"""Folders that labelling services export the pictures of a split into, the first that is there."""


def known_pictures(listed: Path, train: Pictures, rules: LabelRules) -> Pictures | None:
    """Training pictures that are there, or None: many have those of the validation alone."""
    if not any(path.is_file() for path, _ in train.files):
        return None
    return check_pictures(listed, train, rules)


def read_coco(path: Path, folder: Path, rules: LabelRules = USUAL_RULES) -> Pictures:
    """Read an annotation file of COCO and find its pictures.

    Args:
        path: The JSON file.
        folder: Folder that holds the folder of the pictures.
        rules: What is known of the network, and whether wrong entries are refused.

    Raises:
        DataError: The file cannot be read, a value is impossible, or all pictures are missing.
    """
    return check_pictures(path, _read(path, folder, rules), rules)


def check_pictures(listed: Path, pictures: Pictures, rules: LabelRules = USUAL_RULES) -> Pictures:
    """Make sure that there are pictures, and leave out those that are not there.

    Args:
        listed: The file that lists the pictures.
        pictures: The pictures.
        rules: Whether missing pictures are refused.

    Returns:
        The pictures that are there; of others there is a warning, for many have part of a split.

    Raises:
        DataError: The list is empty, or no picture is there, or all boxes are within one pixel.
    """
    if not pictures.files:
        raise DataError(f"{listed}: must list pictures, lists none")
    there = tuple((path, truth) for path, truth in pictures.files if path.is_file())
    if _are_shares([truth for _, truth in there]):
        raise DataError(
            f"{listed}: boxes must be in pixels, all are within the first pixel of their picture, "
            "as shares of it would be"
        )
    missing = [path for path, _ in pictures.files if not path.is_file()]
    if missing:
        text = (
            f"{listed}: must have its pictures beside it, {len(missing)} of {len(pictures.files)} "
            f"are missing, the first is {missing[0]}"
        )
        if not there or rules.strict:
            raise DataError(text)
        warn(f"{text}; the others are used")
    gone = (f"{listed}: {path} is missing" for path in missing)
    return replace(pictures, files=there, left_out=(*pictures.left_out, *gone))


def _are_shares(truths: Sequence[Truth]) -> bool:
    """Whether there are boxes, and all end within the first pixel of a larger picture."""
    ends = [
        max(x + width, y + height) if min(one.width, one.height) > 1 else math.inf
        for one in truths
        for x, y, width, height in one.boxes
    ]
    return bool(ends) and max(ends) <= 1


def _read(path: Path, folder: Path, rules: LabelRules = USUAL_RULES) -> Pictures:
    """Read an annotation file, whether the pictures are there or not."""
    data = _read_json(path)
    listed = {what: distinct(path, what, data[what]) for what in ("categories", "images")}
    categories = without_root(listed["categories"], data["annotations"])
    numbers, names = number_classes(path, categories, rules)
    named = {id_of(path, "images", one, "id"): image_of(path, one) for one in listed["images"]}
    root = _image_folder(folder, path, next((name for name, _ in named.values()), ""))
    places = {key: root / name for key, (name, _) in named.items()}
    first: dict[Path, str] = {}
    for key, place in places.items():
        first.setdefault(place, key)
    warn(listed_twice(str(path), len(data["images"]) - len(first)))
    dirt = Dirt(str(path), rules.strict)
    sizes: dict[str, tuple[int, int]] = {}
    for place, key in first.items():
        with dirt.collecting():  # a picture may be broken
            sizes[key] = named[key][1] or (photo_size(place) if place.is_file() else (0, 0))
    found: dict[str, dict[tuple[Box, int, float, bool], None]] = {key: {} for key in sizes}
    for number, annotation in enumerate(data["annotations"], 1):
        with dirt.collecting():
            where = f"{path}: {name_of(annotation, number)}"
            own, entry = _annotation(where, annotation, named, numbers)
            key = first[places[own]]
            if key not in sizes:
                continue
            if 0 not in sizes[key]:
                # COCO's own numbers count boxes over the border whole, so the box stays as it is.
                clipped_box(f"{where}, image {named[key][0]}", entry[0], sizes[key])
            dirt.doubles += entry in found[key]
            found[key][entry] = None
    dirt.tell()
    files = tuple((places[key], _truth(*sizes[key], found[key])) for key in sizes)
    return Pictures(files, names, tuple(dirt.told))


def _annotation(
    where: str,
    annotation: Any,
    images: Collection[str],
    numbers: Mapping[str, int],
) -> tuple[str, tuple[Box, int, float, bool]]:
    """Image of an annotation, and its box, class, area and whether it is a crowd."""
    key = id_of(where, "annotations", annotation, "image_id")
    if key not in images:
        raise DataError(f"{where}: must be of a listed image, is of image {key}")
    category = id_of(where, "annotations", annotation, "category_id")
    if category not in numbers:
        raise DataError(f"{where}: must be of a listed category, is of category {category}")
    box = box_of(where, annotation)
    crowd = number_of(annotation.get("iscrowd") or 0) != 0
    return key, (box, numbers[category], area_of(where, annotation, box), crowd)


def clipped_box(where: str, box: Box, size: tuple[int, int]) -> Box:
    """The part of a box that is in its picture.

    Args:
        where: What the box is of, for the error.
        box: The box.
        size: Width and height of the picture, pixels.

    Raises:
        DataError: The box is wholly outside.
    """
    left, top, width, height = box
    if left + width < 0 or top + height < 0 or left > size[0] or top > size[1]:
        raise DataError(
            f"{where}: each box must touch its picture of {size[0]}x{size[1]} pixels, got {box}"
        )
    if left >= 0 and top >= 0 and left + width <= size[0] and top + height <= size[1]:
        return box  # as it is, without rounding
    sides = max(left, 0.0), max(top, 0.0), min(left + width, size[0]), min(top + height, size[1])
    return sides[0], sides[1], sides[2] - sides[0], sides[3] - sides[1]


def _truth(width: int, height: int, found: Iterable[tuple[Box, int, float, bool]]) -> Truth:
    entries = list(found)
    boxes, classes, areas, crowds = zip(*entries, strict=True) if entries else ((), (), (), ())
    return Truth(width, height, tuple(boxes), tuple(classes), tuple(areas), tuple(crowds))


def _read_json(path: Path) -> dict[str, list[Any]]:
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: must be a readable JSON file, got {error}") from error
    for key in ("images", "annotations", "categories"):
        if not isinstance(data, dict) or not isinstance(data.get(key), list):
            raise DataError(f"{path}: must be COCO annotations, lacks the list {key!r}")
    return dict(data)


def _image_folder(folder: Path, path: Path, first: str) -> Path:
    """Find the folder of an annotation file's pictures: the one that has the first picture."""
    split = path.stem.removeprefix("instances_")
    places = (folder / split, folder / "images" / split, folder / "images", folder)
    there = [place for place in places if (place / first).is_file()]
    return [*there, *(place for place in places if place.is_dir()), folder][0]
