"""Data sets as ultralytics describes them: ``data.yaml`` -> pictures with their ground truth.

``train`` and ``val`` are folders of pictures, lists of pictures, or several of them, relative to
``path``, which is relative to the file; ``names`` is a list or a mapping from numbers to names.
Where ``kpt_shape`` says that objects have keypoints, these follow the boxes in the label files.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autosplit.data.coco import Pictures
from autosplit.data.darknet_lists import read_labels
from autosplit.data.dirty import LabelRules
from autosplit.data.image_folder import SUFFIXES
from autosplit.data.label_lines import MOST_NUMBERED
from autosplit.errors import DataError, FileError, counted
from autosplit.files import parse_yaml
from autosplit.plainfile import listed_files


def read_yolo_yaml(path: Path, rules: LabelRules) -> tuple[Pictures | None, Pictures]:
    """Read the training pictures, if they are there, and the validation pictures.

    Args:
        path: The file.
        rules: Whether wrong lines are refused.

    Raises:
        DataError: The file cannot be read, or names no pictures.
    """
    about = _about(path)
    names = _names(path, about.get("names"), about.get("nc"))
    roots = [path.parent / str(about.get("path") or "."), path.parent]
    points = _keypoints(path, about.get("kpt_shape"))
    train = _pictures(about.get("train"), roots)
    val = _pictures(about.get("val") or about.get("valid") or about.get("test"), roots)
    if not val and not train:
        raise DataError(f"{path}: must name folders or lists of pictures as train and val")
    there = val and any(picture.is_file() for picture in train)
    trained = read_labels(path, train, names, rules, points) if there else None
    return trained, read_labels(path, val or train, names, rules, points)


def _about(path: Path) -> dict[str, Any]:
    try:
        about = parse_yaml(path)
    except FileError as error:
        raise DataError(str(error)) from error
    if not isinstance(about, dict):
        raise DataError(f"{path}: must be a mapping of train, val and names")
    return about


def _names(path: Path, names: Any, count: Any) -> tuple[str, ...]:
    """Names of the classes: a list, a mapping from their numbers, or only their number ``nc``."""
    if names is None and isinstance(count, int) and 0 < count < MOST_NUMBERED:
        return tuple(map(str, range(count)))
    if isinstance(names, dict):
        numbered = {str(number): name for number, name in names.items()}
        if numbered.keys() != set(map(str, range(len(names)))):
            raise DataError(f"{path}: names must be of the classes 0..{len(names) - 1}")
        names = [numbered[str(number)] for number in range(len(names))]
    if not isinstance(names, list) or not names:
        raise DataError(f"{path}: must name the classes, a list or a mapping, got {names!r}")
    if count not in (None, len(names)):
        raise DataError(
            f"{path}: must name nc={counted(count, 'class', 'classes')}, names {len(names)}"
        )
    return tuple(map(str, names))


def _keypoints(path: Path, shape: Any) -> int:
    """Numbers of the keypoints of an object: their count times 2, or 3 with what is visible."""
    if shape is None:
        return 0
    if not isinstance(shape, list) or [type(one) for one in shape] != [int, int]:
        shape = [0, 0]
    if shape[0] < 1 or shape[1] not in (2, 3):
        raise DataError(f"{path}: kpt_shape must be the count of keypoints and 2 or 3, [17, 3]")
    return int(shape[0] * shape[1])


def _pictures(written: Any, roots: Sequence[Path]) -> list[Path]:
    """Pictures of a folder, of a list, or of several."""
    if isinstance(written, list):
        return [picture for one in written for picture in _pictures(one, roots)]
    if not isinstance(written, str):
        return []
    # Labelling services write ../train/images for a folder beside the file.
    tails = [written, written.removeprefix("../")]
    place = next((p for r in roots for t in tails if (p := r / t).exists()), roots[0] / written)
    if place.is_dir():
        return [p for p in sorted(place.rglob("*")) if p.suffix.lower() in SUFFIXES]
    if not place.is_file():
        return []

    def of_name(name: str) -> Path:
        return (place.parent if name.startswith("./") else roots[0]) / name

    return listed_files(place, of_name)
