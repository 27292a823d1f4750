"""Annotations in COCO's layout -> pictures with their ground truth.

The annotations are in ``annotations/instances_NAME.json``, and the pictures in ``NAME/``,
``images/NAME/``, ``images/`` or the folder itself.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autosplit.errors import DataError

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
    """

    files: tuple[tuple[Path, Truth], ...]
    classes: tuple[str, ...]


def read_coco_splits(folder: Path) -> tuple[Pictures | None, Pictures] | None:
    """Read the training pictures, if they are there, and the validation pictures of a folder.

    Returns:
        None if the folder is in another layout.

    Raises:
        DataError: There is more than one file for validation, or one of the files is wrong.
    """
    jsons = sorted((folder / "annotations").glob("*.json")) or sorted(folder.glob("*.json"))
    jsons = [path for path in jsons if path.stem.startswith("instances_")] or jsons
    if not jsons:
        return None
    train = [path for path in jsons if "train" in path.stem]
    val = [path for path in jsons if "val" in path.stem]
    val = val or [path for path in jsons if path not in train] or train
    if len(val) > 1:
        names = ", ".join(path.name for path in val)
        raise DataError(f"{folder}: must have one annotation file for validation, has {names}")
    # A person who measures accuracy often has the pictures of the validation set only.
    other = _read(train[0], folder) if train and train != val else None
    if other is not None and any(path.is_file() for path, _ in other.files):
        check_pictures(train[0], other)
    else:
        other = None
    return other, read_coco(val[0], folder)


def read_coco(path: Path, folder: Path) -> Pictures:
    """Read an annotation file of COCO and find its pictures.

    Args:
        path: The JSON file.
        folder: Folder that holds the folder of the pictures.

    Raises:
        DataError: The file cannot be read, a value is impossible, or a picture is missing.
    """
    pictures = _read(path, folder)
    check_pictures(path, pictures)
    return pictures


def check_pictures(listed: Path, pictures: Pictures) -> None:
    """Make sure that there are pictures, and that all of them are there.

    Args:
        listed: The file that lists the pictures.
        pictures: The pictures.

    Raises:
        DataError: The list is empty, or a picture is missing.
    """
    if not pictures.files:
        raise DataError(f"{listed}: must list pictures, lists none")
    missing = [path for path, _ in pictures.files if not path.is_file()]
    if missing:
        raise DataError(
            f"{listed}: must have its pictures beside it, {len(missing)} of {len(pictures.files)} "
            f"are missing, the first is {missing[0]}"
        )


def _read(path: Path, folder: Path) -> Pictures:
    """Read an annotation file, whether the pictures are there or not."""
    data = _read_json(path)
    for what in ("categories", "images"):
        _check_ids(path, what, data[what])
    numbers, names = _number_classes(path, data["categories"])
    images: dict[int, tuple[str, int, int]] = {}
    for image in data["images"]:
        images[_entry(path, "images", image, "id", int)] = (
            _entry(path, "images", image, "file_name", str),
            _entry(path, "images", image, "width", int),
            _entry(path, "images", image, "height", int),
        )
    found: dict[int, list[tuple[Box, int, float, bool]]] = {key: [] for key in images}
    for annotation in data["annotations"]:
        key = _entry(path, "annotations", annotation, "image_id", int)
        if key not in found:
            raise DataError(f"{path}: annotations must be of listed images, one is of image {key}")
        category = _entry(path, "annotations", annotation, "category_id", int)
        if category not in numbers:
            raise DataError(
                f"{path}: annotations must be of listed categories, one is of category {category}"
            )
        box = _box(path, annotation)
        area = _area(path, annotation, box)
        found[key].append((box, numbers[category], area, bool(annotation.get("iscrowd", 0))))
    place = _image_folder(folder, path, next((name for name, *_ in images.values()), ""))
    files = tuple(
        (place / name, _truth(width, height, found[key]))
        for key, (name, width, height) in images.items()
    )
    return Pictures(files, names)


def _truth(width: int, height: int, found: Sequence[tuple[Box, int, float, bool]]) -> Truth:
    boxes, classes, areas, crowds = zip(*found, strict=True) if found else ((), (), (), ())
    return Truth(width, height, tuple(boxes), tuple(classes), tuple(areas), tuple(crowds))


def _read_json(path: Path) -> dict[str, list[Any]]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: must be a readable JSON file, got {error}") from error
    for key in ("images", "annotations", "categories"):
        if not isinstance(data, dict) or not isinstance(data.get(key), list):
            raise DataError(f"{path}: must be COCO annotations, lacks the list {key!r}")
    return dict(data)


def _entry(path: Path, what: str, entry: Any, key: str, kind: type) -> Any:
    value = entry.get(key) if isinstance(entry, Mapping) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise DataError(f"{path}: each of {what} must have {key!r}, {kind.__name__}, got {value!r}")
    return value


def _box(path: Path, annotation: Mapping[str, Any]) -> Box:
    values = _entry(path, "annotations", annotation, "bbox", list)
    finite = all(isinstance(v, (int, float)) and math.isfinite(v) for v in values)
    if len(values) != 4 or not finite:
        raise DataError(
            f"{path}: each bbox must be left, top, width and height in pixels, got {values}"
        )
    left, top, width, height = map(float, values)
    if min(width, height) < 0:
        raise DataError(f"{path}: each bbox must have a width and height of 0 or more, {values}")
    return left, top, width, height


def _area(path: Path, annotation: Mapping[str, Any], box: Box) -> float:
    """Area of an object, square pixels: of its outline if the file has one, else of its box."""
    area = annotation.get("area", box[2] * box[3])
    if not isinstance(area, (int, float)) or not (math.isfinite(area) and area >= 0):
        raise DataError(f"{path}: each area must be square pixels, 0 or more, got {area!r}")
    return float(area)


def _check_ids(path: Path, what: str, entries: Sequence[Any]) -> None:
    """Make sure that no two entries of a list have one number."""
    seen: set[int] = set()
    for entry in entries:
        key = _entry(path, what, entry, "id", int)
        if key in seen:
            raise DataError(f"{path}: each of {what} must have an id of its own, two have {key}")
        seen.add(key)


def _number_classes(
    path: Path, categories: Iterable[Any]
) -> tuple[dict[int, int], tuple[str, ...]]:
    """Map each category to the network's number of the class, and name the classes.

    COCO's 80 categories have numbers up to 90; networks number them 0..79 in the same order.  A
    file whose categories are all COCO's is numbered so, even if it lacks some of them; the
    categories of any other file are numbered in the order of their ids.
    """
    names = {
        _entry(path, "categories", item, "id", int): _entry(path, "categories", item, "name", str)
        for item in categories
    }
    if not names:
        raise DataError(f"{path}: must list categories, lists none")
    whole = COCO_CATEGORIES if names.items() <= COCO_CATEGORIES.items() else names
    numbers = {key: number for number, key in enumerate(sorted(whole))}
    return numbers, tuple(whole[key] for key in sorted(whole))


def _image_folder(folder: Path, path: Path, first: str) -> Path:
    """Find the folder of an annotation file's pictures: the one that has the first picture."""
    split = path.stem.removeprefix("instances_")
    places = (folder / split, folder / "images" / split, folder / "images", folder)
    there = [place for place in places if (place / first).is_file()]
    return [*there, *(place for place in places if place.is_dir()), folder][0]


COCO_CATEGORIES = dict(
    zip(
        [
            number
            for number in range(1, 91)
            if number not in {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
        ],
        (
            "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,"
            "fire hydrant,stop sign,parking meter,bench,bird,cat,dog,horse,sheep,cow,elephant,"
            "bear,zebra,giraffe,backpack,umbrella,handbag,tie,suitcase,frisbee,skis,snowboard,"
            "sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,"
            "bottle,wine glass,cup,fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,"
            "carrot,hot dog,pizza,donut,cake,chair,couch,potted plant,bed,dining table,toilet,tv,"
            "laptop,mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,refrigerator,"
            "book,clock,vase,scissors,teddy bear,hair drier,toothbrush"
        ).split(","),
        strict=True,
    )
)
"""Number of each of the 80 categories of COCO (Lin et al. 2014) -> its name."""
