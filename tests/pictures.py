"""Small folders of pictures with boxes, in COCO's layout and in Darknet's."""

import json

from PIL import Image

CATEGORIES = [{"id": 7, "name": "tree"}, {"id": 3, "name": "house"}]
"""The network numbers them by id: house 0, tree 1."""


def picture(path, size=(40, 30)):
    """Write a picture of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (10, 20, 30)).save(path)


def annotations(count=2, categories=CATEGORIES, name="{}.png", size=(40, 30)):
    """An annotation file: a tree and a house in the first picture, nothing in the others."""
    return {
        "images": [
            {"id": 10 + k, "file_name": name.format(k), "width": size[0], "height": size[1]}
            for k in range(count)
        ],
        "annotations": [
            {"id": 1, "image_id": 10, "category_id": 7, "bbox": [1, 2, 10, 20], "area": 150},
            {"id": 2, "image_id": 10, "category_id": 3, "bbox": [5.5, 6, 7, 8], "iscrowd": 1},
        ],
        "categories": categories,
    }


def write_annotations(folder, data, split="val"):
    path = folder / "annotations" / f"instances_{split}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))
    return path


def coco_folder(folder, split="val", count=2, **about):
    """A folder in COCO's layout."""
    for k in range(count):
        picture(folder / split / f"{k}.png")
    write_annotations(folder, annotations(count, **about), split)
    return folder


def darknet_folder(folder, split="val", count=2):
    """A folder in Darknet's layout: a box of class 1 in the first picture."""
    names = [f"images/{split}{k}.png" for k in range(count)]
    (folder / "labels").mkdir(exist_ok=True, parents=True)
    for k, name in enumerate(names):
        picture(folder / name)
        (folder / "labels" / f"{split}{k}.txt").touch()
    (folder / "labels" / f"{split}0.txt").write_text("1 0.5 0.5 0.25 0.2\n\n")
    (folder / f"{split}.txt").write_text("\n".join(names) + "\n")
    (folder / "things.names").write_text("house\ntree\n")
    return folder
