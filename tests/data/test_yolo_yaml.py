"""Data sets as ultralytics describes them."""

import pytest
from pictures import picture

from autosplit.data.dirty import USUAL_RULES
from autosplit.data.yolo_yaml import read_yolo_yaml
from autosplit.errors import DataError


def folder(root, split, count):
    for k in range(count):
        picture(root / split / "images" / f"{k}.png")
    (root / split / "labels").mkdir(parents=True)
    (root / split / "labels" / "0.txt").write_text("1 .5 .5 1 1")


@pytest.mark.parametrize(
    "text",
    [
        "train: train/images\nval: val/images\nnames: [cat, dog]\n",
        "train: ../train/images\nval: ../val/images\nnc: 2\nnames: [cat, dog]\n",
        "path: .\ntrain: train/images\nval: val/images\nnames:\n  0: cat\n  1: dog\n",
        "path: {root}\ntrain: [train/images]\nval: val.txt\nnames: {{0: cat, 1: dog}}\n",
    ],
)
def test_folders_and_lists_are_read(tmp_path, text):
    folder(tmp_path, "train", 3)
    folder(tmp_path, "val", 2)
    (tmp_path / "val.txt").write_text("val/images/0.png\n./val/images/1.png\n")
    (tmp_path / "data.yaml").write_text(text.format(root=tmp_path))

    train, val = read_yolo_yaml(tmp_path / "data.yaml", USUAL_RULES)

    assert (len(train.files), len(val.files)) == (3, 2)
    assert val.classes == ("cat", "dog")
    assert val.files[0][1].boxes == ((0, 0, 40, 30),)
    assert val.files[0][1].classes == (1,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a", "must be a mapping of train, val and names"),
        ("train: a\nnames: [x]\n", "must name folders or lists of pictures as train and val"),
        ("val: a\n", "must name the classes, a list or a mapping, got None"),
        ("val: a\nnames: {1: x}\n", "names must be of the classes 0..0"),
    ],
)
def test_what_names_no_pictures_is_refused(tmp_path, text, message):
    (tmp_path / "data.yaml").write_text(text)

    with pytest.raises(DataError, match=message):
        read_yolo_yaml(tmp_path / "data.yaml", USUAL_RULES)
