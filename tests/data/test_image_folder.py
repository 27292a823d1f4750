"""Folders of images are listed as torchvision lists them."""

import pytest
import torchvision
from loaded import RGB, data_error, everything, save_image

from autosplit.data.datasets import load_data
from autosplit.data.image_folder import read_image_folder


@pytest.fixture
def folder(tmp_path):
    """Return a folder of three classes; each image is of its own shade."""
    root = tmp_path / "zoo"
    names = ["cat/b.png", "cat/a.PNG", "cat/sub/c.bmp", "ant/x.png", "dog/2.png", "dog/10.png"]
    for shade, name in enumerate(names):
        save_image(root / name, 10 * shade)
    (root / "cat" / "notes.txt").write_text("no image")
    return root


def test_a_folder_of_classes_is_in_the_order_of_torchvision(folder):
    expected = torchvision.datasets.ImageFolder(folder)
    shades = [picture.getpixel((0, 0))[0] for picture, _ in expected]

    data = load_data(f"imagefolder:{folder}", RGB)
    images, labels = everything(data.evaluation)

    assert labels == expected.targets == [0, 1, 1, 1, 2, 2]
    assert (images[:, 0, 0, 0] * 255).tolist() == pytest.approx(shades)
    assert (data.classes, data.name) == (3, "zoo")


def test_train_and_val_folders_are_kept_apart(tmp_path):
    for name, shade in (("train/b", 1), ("train/a", 2), ("val/b", 3)):
        save_image(tmp_path / name / "one.png", shade)

    data = load_data(f"imagefolder:{tmp_path}", RGB)
    calibration, _ = everything(data.calibration)
    evaluation, labels = everything(data.evaluation)

    assert (calibration[:, 0, 0, 0] * 255).tolist() == pytest.approx([2, 1])
    assert (evaluation[:, 0, 0, 0] * 255).tolist() == pytest.approx([3])
    # 'b' is the second class of the training set, though the first of the other.
    assert (labels, data.classes) == ([1], 2)


def test_a_class_that_training_lacks_is_named(tmp_path):
    save_image(tmp_path / "train" / "a" / "one.png", 1)
    save_image(tmp_path / "val" / "z" / "one.png", 1)

    assert data_error(f"imagefolder:{tmp_path}").endswith("also has 'z'")


def test_a_folder_without_classes_has_no_labels(tmp_path):
    save_image(tmp_path / "b.png", 20)
    save_image(tmp_path / "a.png", 10, mode="L")

    data = load_data(f"imagefolder:{tmp_path}", RGB)
    images, labels = everything(data.evaluation)

    assert labels is None
    assert (images[:, 0, 0, 0] * 255).tolist() == pytest.approx([10, 20])
    assert data.classes is None


def test_training_images_alone_serve_for_both(tmp_path):
    save_image(tmp_path / "train" / "a" / "one.png", 1)

    found = read_image_folder(tmp_path)

    assert found.classes == ("a",)
    assert found.calibration == found.evaluation == [(tmp_path / "train" / "a" / "one.png", 0)]


def test_folders_named_like_images_are_none(tmp_path):
    (tmp_path / "odd.png").mkdir()

    assert read_image_folder(tmp_path).calibration == []
