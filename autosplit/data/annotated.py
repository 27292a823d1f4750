"""Pictures with boxes in any layout that is read: found out by what is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from autosplit.data.coco import Pictures, read_coco, read_coco_splits
from autosplit.data.darknet_lists import read_darknet_splits
from autosplit.data.dirty import LabelRules
from autosplit.data.voc import read_voc_splits
from autosplit.data.yolo_yaml import read_yolo_yaml
from autosplit.errors import DataError


def read_annotated(path: Path, rules: LabelRules) -> tuple[Pictures | None, Pictures]:
    """Read the training pictures, if they are there, and the validation pictures.

    Classes are numbered as the network numbers them, where it has classes of all their names.

    Args:
        path: ``FILE.json`` (COCO), ``FILE.data`` (Darknet), ``FILE.yaml`` (ultralytics), or a
            folder in one of these layouts or in Pascal VOC's.
        rules: How annotations are read.

    Raises:
        DataError: It is in none of these layouts, or cannot be read.
    """
    train, val = _read(path, rules)
    return train and _as_network(train, rules.labels), _as_network(val, rules.labels)


def _as_network(pictures: Pictures, labels: tuple[str, ...]) -> Pictures:
    """Pictures with the network's numbers of their classes, if it has classes of all the names."""
    places = {name: place for place, name in enumerate(labels)}
    alike = len(places) == len(labels) and len(set(pictures.classes)) == len(pictures.classes)
    named = not any(name.isdecimal() for name in (*labels, *pictures.classes))
    if not (alike and named and set(pictures.classes) <= places.keys()):
        return pictures
    number = [places[name] for name in pictures.classes]
    files = tuple(
        (path, replace(truth, classes=tuple(number[own] for own in truth.classes)))
        for path, truth in pictures.files
    )
    return replace(pictures, files=files, classes=labels)


def _read(path: Path, rules: LabelRules) -> tuple[Pictures | None, Pictures]:
    """Read a file or a folder in the layout that is found."""
    if path.is_file():
        if path.suffix == ".json":
            inside = path.parent.name == "annotations"
            return None, read_coco(path, path.parent.parent if inside else path.parent, rules)
        if path.suffix in (".yaml", ".yml"):
            return read_yolo_yaml(path, rules)
        found = read_darknet_splits(path.parent, rules, path) if path.suffix == ".data" else None
        if found is None:
            raise DataError(
                f"{path}: must be a folder, FILE.json (COCO), FILE.yaml (ultralytics) or FILE.data "
                "(Darknet) that names the pictures of valid"
            )
        return found
    if not path.is_dir():
        raise DataError(f"{path}: must be a folder of annotated pictures, there is none")
    found = read_coco_splits(path, rules) or read_darknet_splits(path, rules)
    if found is None and (path / "data.yaml").is_file():
        return read_yolo_yaml(path / "data.yaml", rules)
    found = found or read_voc_splits(path, rules)
    if found is None:
        raise DataError(
            f"{path}: must hold annotations/instances_NAME.json (COCO's layout), val.txt, a list "
            "of pictures (Darknet's), data.yaml (ultralytics') or Annotations/*.xml (Pascal "
            "VOC's), has none of them"
        )
    return found
