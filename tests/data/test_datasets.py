"""Names become data sets; a name that means none says why in one line."""

import importlib.util

import numpy as np
import pytest
import torch
from loaded import GRAY, RGB, data_error, everything, save_image
from pictures import coco_folder, darknet_folder

from autosplit.data.bundled import FASHION_MNIST
from autosplit.data.coco import Truth
from autosplit.data.datasets import load_data
from autosplit.errors import DataError, MissingExtraError


def test_the_demo_photos_are_labelled_by_their_names():
    data = load_data("demo", RGB)

    # imagenet_00_243.jpg, imagenet_01_559.jpg, ...
    _, labels = everything(data.evaluation)

    assert labels[:4] == [243, 559, 438, 990]
    assert (len(data.calibration), len(labels), data.classes) == (20, 20, 1000)
    assert data.calibration.sha256 == data.evaluation.sha256


def test_fewer_demo_photos_are_drawn_by_the_seed():
    first = load_data("demo", RGB, evaluation_images=5, seed=1).evaluation

    assert len(first) == 5
    assert first.sha256 == load_data("demo", RGB, evaluation_images=5, seed=1).evaluation.sha256
    assert first.sha256 != load_data("demo", RGB, evaluation_images=5, seed=2).evaluation.sha256


def test_missing_demo_photos_name_the_command_that_brings_them(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    assert data_error("demo", kind=MissingExtraError) == (
        "demo: needs the photos of the package foolbox, "
        "install it with: pip install 'autosplit[demo]'"
    )


def test_the_sample_holds_every_class():
    _, labels = everything(load_data("fashion-mnist", GRAY).evaluation, 300)

    assert np.bincount(labels).min() > 80


def test_the_sample_carries_its_licence():
    text = (FASHION_MNIST / "LICENSE").read_text()

    assert "The MIT License" in text
    assert "Zalando SE" in text


def test_limits_take_the_first_images():
    few = load_data("fashion-mnist", GRAY, calibration_images=7, evaluation_images=5)
    full = load_data("fashion-mnist", GRAY)

    images, labels = everything(few.evaluation)

    expected, answers = everything(full.evaluation)
    assert torch.equal(images, expected[:5])
    assert labels == answers[:5]
    assert len(few.calibration) == 7
    assert few.evaluation.sha256 != full.evaluation.sha256


def test_calibration_photos_are_drawn_from_all_classes(tmp_path):
    for name in "abcd":
        for number in range(30):
            save_image(tmp_path / name / f"{number}.png", number)

    data = load_data(f"imagefolder:{tmp_path}", RGB, calibration_images=40)
    _, labels = everything(data.calibration)

    assert set(labels) == {0, 1, 2, 3}
    assert labels == sorted(labels)
    assert len(data.evaluation) == 120


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("dem", "data: unknown name 'dem', did you mean 'demo'?"),
        ("demo:x", "data: unknown name 'demo:x', did you mean 'demo'?"),
        ("imagefolder", "data: unknown name 'imagefolder', did you mean 'imagefolder:DIR'?"),
        ("imagefolder:nowhere", "nowhere: must be a folder of images, there is none"),
        ("none.py:f", "none.py: must be a Python file, there is none"),
    ],
)
def test_a_name_that_means_nothing_is_one_line(spec, expected):
    assert data_error(spec) == expected


def test_an_empty_folder_is_refused(tmp_path):
    spec = f"imagefolder:{tmp_path}"

    assert data_error(spec) == f"{spec}: must hold images for calibration, there are none"


@pytest.mark.parametrize("option", ["calibration_images", "evaluation_images"])
def test_no_images_at_all_cannot_be_asked_for(option):
    what = option.removesuffix("_images")

    assert data_error("demo", **{option: 0}) == f"demo: must have at least 1 {what} image, got 0"


def test_pictures_with_boxes_come_with_what_is_in_them(tmp_path):
    data = load_data(f"coco:{coco_folder(tmp_path / 'set')}", RGB)

    assert (data.name, data.classes, data.labels) == ("set", 2, ("house", "tree"))
    assert len(data.calibration) == len(data.evaluation) == 2
    ((images, labels),) = data.evaluation.batches(4)
    assert images.shape == (2, 3, 8, 8)
    assert [truth.classes for truth in labels] == [(1, 0), ()]
    assert labels[1] == Truth(40, 30)


def test_training_pictures_serve_for_calibration(tmp_path):
    coco_folder(coco_folder(tmp_path, "train", 3), "val")
    data = load_data(f"coco:{tmp_path}", RGB, calibration_images=2)

    assert (len(data.calibration), len(data.evaluation)) == (2, 2)
    files = [path.parent.name for path, _ in data.calibration.source.files]
    assert files == ["train", "train"]


def test_darknets_layout_is_read_by_the_same_name(tmp_path):
    data = load_data(f"coco:{darknet_folder(tmp_path)}", RGB)

    ((_, labels),) = data.evaluation.batches(4)
    assert [truth.classes for truth in labels] == [(1,), ()]


def test_a_folder_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: must be a folder of annotated pictures"):
        load_data(f"coco:{tmp_path / 'nowhere'}", RGB)
