"""Entries of COCO's annotation files, and how their categories become numbers of classes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from autosplit.data.dirty import USUAL_RULES, LabelRules
from autosplit.errors import DataError


def without_root(categories: Sequence[Any], annotations: Sequence[Any]) -> Sequence[Any]:
    """The categories but a root that labelling services add above all others.

    A root is the first category, nothing is annotated with it, and all others name it as their
    supercategory.
    """
    parents = {c.get("supercategory") for c in categories[1:] if isinstance(c, Mapping)}
    if len(categories) < 2 or len(parents) != 1 or not isinstance(categories[0], Mapping):
        return categories
    first = categories[0]
    used = any(a.get("category_id") == first.get("id") for a in annotations if isinstance(a, dict))
    return categories[1:] if first.get("name") in parents and not used else categories


def number_classes(
    path: Path, categories: Iterable[Any], rules: LabelRules = USUAL_RULES
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Map each category to the network's number of the class, and name the classes.

    COCO's 80 categories have numbers up to 90; networks number them 0..79 in the same order.  A
    file whose categories are all COCO's is numbered so, even if it lacks some of them, unless the
    network has as many classes as the file, or classes of all these names; the categories of any
    other file are numbered in the order of their ids.

    Args:
        path: The file.
        categories: Categories of the file.
        rules: What is known of the network, and whether wrong entries are refused.
    """
    names = {
        id_of(path, "categories", item, "id"): entry_of(path, "categories", item, "name", str)
        for item in categories
    }
    if not names:
        raise DataError(f"{path}: must list categories, lists none")
    coco = {str(number): name for number, name in COCO_CATEGORIES.items()}
    own = len(names) == len(rules.labels) or set(names.values()) <= set(rules.labels)
    whole = coco if names.items() <= coco.items() and not own else names
    ordered = sorted(whole, key=_order)
    return {key: number for number, key in enumerate(ordered)}, tuple(whole[key] for key in ordered)


def entry_of(path: Path | str, what: str, entry: Any, key: str, kind: type) -> Any:
    """Return a value of an entry of a list.

    Args:
        path: The file, or what the entry is, for errors.
        what: Name of the list.
        entry: The entry.
        key: Key of the value.
        kind: Type that the value must have.

    Raises:
        DataError: It has another type, or is missing.
    """
    value = entry.get(key) if isinstance(entry, Mapping) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise DataError(f"{path}: each of {what} must have {key!r}, {kind.__name__}, got {value!r}")
    return value


def id_of(path: Path | str, what: str, entry: Any, key: str) -> str:
    """An id, a whole number or a text, as text: files write 7 here and "7" there."""
    value = entry.get(key) if isinstance(entry, Mapping) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, (int, str)) or isinstance(value, bool):
        raise DataError(f"{path}: each of {what} must have {key!r}, int, got {value!r}")
    return str(value).strip()


def number_of(value: Any) -> float:
    """A number of a file, which may be written as a text; NaN for anything else.

    >>> number_of("4.5"), number_of(4), number_of([4])
    (4.5, 4.0, nan)
    """
    try:
        return float(value) if isinstance(value, (int, float, str)) else math.nan
    except (ValueError, OverflowError):
        return math.nan


def whole_of(path: Path, what: str, entry: Mapping[str, Any], key: str) -> int:
    """A whole number of at least 1 of an entry, which may be written as ``64.0`` or ``"64"``.

    Raises:
        DataError: It is another value.
    """
    number = number_of(entry.get(key))
    if not (math.isfinite(number) and number >= 1 and number.is_integer()):
        found = entry.get(key)
        raise DataError(f"{path}: each of {what} must have {key!r}, int, got {found!r}")
    return int(number)


def box_of(where: str, annotation: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """Left, top, width and height of an annotation, pixels: its box, or that around its polygons.

    Raises:
        DataError: They are no four numbers, or the width or height is below 0.
    """
    values = annotation.get("bbox") or _around(annotation.get("segmentation"))
    values = entry_of(where, "annotations", {"bbox": values}, "bbox", list)
    numbers = [number_of(value) for value in values]
    if len(values) != 4 or not all(map(math.isfinite, numbers)):
        found = str(values)[:80]
        raise DataError(
            f"{where}: its bbox must be left, top, width and height in pixels, got {found}"
        )
    left, top, width, height = numbers
    if min(width, height) < 0:
        raise DataError(
            f"{where}: its bbox must have a width and height of 0 or more, got {values}"
        )
    return left, top, width, height


def _around(outline: Any) -> list[float] | None:
    """The box around polygons, each x1, y1, x2, y2 and so on; None where there are none."""
    polygons = outline if isinstance(outline, list) else []
    if not polygons or not all(isinstance(one, list) and len(one) % 2 == 0 for one in polygons):
        return None
    xs = [number_of(x) for one in polygons for x in one[::2]]
    ys = [number_of(y) for one in polygons for y in one[1::2]]
    if len(xs) < 3 or not all(map(math.isfinite, (*xs, *ys))):
        return None
    return [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]


def image_of(path: Path, image: Any) -> tuple[str, tuple[int, int] | None]:
    """File name of an image, with slashes, and its size; None where the file leaves it out."""
    name = str(entry_of(path, "images", image, "file_name", str)).replace("\\", "/")
    if not image.get("width") or not image.get("height"):
        return name, None
    return name, (
        whole_of(path, "images", image, "width"),
        whole_of(path, "images", image, "height"),
    )


def area_of(
    where: str, annotation: Mapping[str, Any], box: tuple[float, float, float, float]
) -> float:
    """Area of an object, square pixels: of its outline if the file has one, else of its box."""
    area = annotation.get("area")
    if area is None:
        return box[2] * box[3]
    number = number_of(area)
    if not (math.isfinite(number) and number >= 0):
        raise DataError(f"{where}: its area must be square pixels, 0 or more, got {area!r}")
    return number


def distinct(path: Path, what: str, entries: Sequence[Any]) -> list[Any]:
    """The entries of a list, of two that are equal the first.

    Raises:
        DataError: Two that differ have one number.
    """
    seen: dict[str, Any] = {}
    for entry in entries:
        key = id_of(path, what, entry, "id")
        if seen.setdefault(key, entry) != entry:
            raise DataError(f"{path}: each of {what} must have an id of its own, two have {key}")
    return list(seen.values())


def name_of(annotation: Any, place: int) -> str:
    """Name an annotation by its id, or by its place in the list, from 1.

    >>> name_of({"id": 7}, 3), name_of({}, 3)
    ('annotation 7', 'annotation at place 3')
    """
    number = annotation.get("id") if isinstance(annotation, Mapping) else None
    return f"annotation {number}" if number is not None else f"annotation at place {place}"


def _order(key: str) -> tuple[bool, int, str]:
    """Numbers by their value, then texts."""
    return not key.isdecimal(), int(key) if key.isdecimal() else 0, key


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
