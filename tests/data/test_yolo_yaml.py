"""Data sets as ultralytics describes them."""

import pytest
from pictures import picture

from autosplit.data.dirty import USUAL_RULES
from autosplit.data.yolo_yaml import read_yolo_yaml
from autosplit.errors import DataError


def folder(root, split, count):
    (root / split / "labels").mkdir(parents=True)
    for k in range(count):
        picture(root / split / "images" / f"{k}.png")
        (root / split / "labels" / f"{k}.txt").touch()
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
        ("val: a\nnames: {0: x, 2: y}\n", "names must be of the classes 0..1"),
        ("val: a\nnc: 3\nnames: [x, y]\n", "must name nc=3 classes, names 2"),
        ("val: a\nnc: 0\n", "must name the classes, a list or a mapping, got None"),
    ],
)
def test_what_names_no_pictures_is_refused(tmp_path, text, message):
    (tmp_path / "data.yaml").write_text(text)

    with pytest.raises(DataError, match=message):
        read_yolo_yaml(tmp_path / "data.yaml", USUAL_RULES)


def test_objects_with_keypoints_have_their_boxes(tmp_path):
    """Half of 40 by 0.2 of 30 pixels about (20, 15); as an outline it would be another box."""
    folder(tmp_path, "val", 1)
    (tmp_path / "val" / "labels" / "0.txt").write_text("1 .5 .5 .5 .2 .45 .45 .55 .5")
    text = "train: train/images\nval: val/images\nnames: [cat, dog]\nkpt_shape: {}\n"
    (tmp_path / "data.yaml").write_text(text.format("[2, 2]"))

    _, val = read_yolo_yaml(tmp_path / "data.yaml", USUAL_RULES)

    assert val.files[0][1].boxes == (pytest.approx((10, 12, 20, 6)),)
    for wrong in ("[2, 4]", "[0, 2]", "2", "[a, 2]", "[2]"):
        (tmp_path / "data.yaml").write_text(text.format(wrong))
        with pytest.raises(DataError, match="kpt_shape must be the count of keypoints and 2 or 3"):
            read_yolo_yaml(tmp_path / "data.yaml", USUAL_RULES)


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("names: {'1': dog, '0': cat}\n", ("cat", "dog")),
        ("nc: 2\n", ("0", "1")),
        ("names: [7, 8]\n", ("7", "8")),
    ],
)
def test_classes_are_named_in_several_ways(tmp_path, text, classes):
    folder(tmp_path, "val", 1)
    (tmp_path / "data.yaml").write_text(f"train: train/images\nval: val/images\n{text}")

    train, val = read_yolo_yaml(tmp_path / "data.yaml", USUAL_RULES)

    assert train is None
    assert val.classes == classes


def test_training_pictures_that_are_not_there_are_left_out(tmp_path):
    folder(tmp_path, "val", 1)
    (tmp_path / "train.txt").write_text("train/images/0.png\n")
    (tmp_path / "data.yaml").write_text("train: train.txt\nval: val/images\nnames: [cat, dog]\n")

    train, val = read_yolo_yaml(tmp_path / "data.yaml", USUAL_RULES)

    assert (train, len(val.files)) == (None, 1)
