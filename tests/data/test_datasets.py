"""Names become data sets; images come in a fixed order, and what cannot be read is named."""

import gzip
import hashlib
import importlib.util
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from pictures import annotations, coco_folder, darknet_folder, picture, write_annotations
from PIL import Image

from autosplit.data.coco import Truth
from autosplit.data.datasets import BUNDLED, load_data
from autosplit.data.idx import read_idx
from autosplit.data.preprocess import Preprocess
from autosplit.errors import AutoSplitError, DataError, MissingExtraError

GRAY = Preprocess((28, 28), (28, 28), (0.0,), (1.0,))
RGB = Preprocess((8, 8), (8, 8), (0.0,) * 3, (1.0,) * 3)

LOADERS = """
import torch

IMAGES = torch.arange(10 * 3 * 2 * 2).reshape(10, 3, 2, 2).float()
LABELS = torch.arange(10)

def lists():
    return [(IMAGES[:4], LABELS[:4]), (IMAGES[4:], LABELS[4:])]

def generator():
    for start in range(0, 10, 3):
        yield IMAGES[start : start + 3], LABELS[start : start + 3]

def loader():
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(IMAGES, LABELS), 3)

def one_batch():
    return IMAGES, LABELS

def unlabelled():
    return [IMAGES[:4], IMAGES[4:]]

def both():
    return {"calibration": [IMAGES[:2]], "evaluation": generator()}

def pair():
    return [IMAGES[:2]], [(IMAGES, LABELS)]

def drawn():
    return [(torch.rand(4, 3, 2, 2), [0, 1, 2, 3])]

def half_a_dictionary():
    return {"calibration": [IMAGES]}

def number():
    return 3

def strings():
    return ["image"]

def short_labels():
    return [(IMAGES, LABELS[:3])]

def empty():
    return []

def uneven():
    return [IMAGES, IMAGES[:, :, :1]]
"""


@pytest.fixture
def loaders(tmp_path):
    path = tmp_path / "loaders.py"
    path.write_text(LOADERS)
    return path


def save_image(path, value, size=(12, 10), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if mode == "L" else (value,) * 3).save(path)


@pytest.fixture
def folder(tmp_path):
    """Return a folder of three classes; each image is of its own shade."""
    root = tmp_path / "zoo"
    names = ["cat/b.png", "cat/a.PNG", "cat/sub/c.bmp", "ant/x.png", "dog/2.png", "dog/10.png"]
    for shade, name in enumerate(names):
        save_image(root / name, 10 * shade)
    (root / "cat" / "notes.txt").write_text("no image")
    return root


def everything(images, size=3):
    """Return all inputs and labels; batches have the size asked for, but for the last."""
    batches = list(images.batches(size))
    assert [len(tensor) for tensor, _ in batches[:-1]] == [size] * (len(batches) - 1)
    tensors = torch.cat([tensor for tensor, _ in batches])
    assert len(tensors) == len(images)
    assert tensors.dtype == torch.float32
    if not images.has_labels:
        assert all(labels is None for _, labels in batches)
        return tensors, None
    labels = torch.cat([labels for _, labels in batches])
    assert labels.dtype == torch.int64
    return tensors, labels.tolist()


def error_of(spec, preprocess=RGB, kind=DataError, **options):
    with pytest.raises(kind) as caught:
        everything(load_data(spec, preprocess, **options).evaluation)
    assert isinstance(caught.value, AutoSplitError)
    text = str(caught.value)
    assert "\n" not in text
    return text


# Demo photos


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

    assert error_of("demo", kind=MissingExtraError) == (
        "demo: needs the photos of the package foolbox, "
        "install it with: pip install 'autosplit[demo]'"
    )


# Fashion-MNIST


def test_the_bundled_sample_is_what_gzip_and_numpy_read():
    data = load_data("fashion-mnist", GRAY)
    raw = gzip.decompress((BUNDLED / "t10k-images-idx3-ubyte.gz").read_bytes())
    expected = np.frombuffer(raw, np.uint8, offset=16).reshape(1000, 1, 28, 28) / 255
    answers = gzip.decompress((BUNDLED / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:]

    images, labels = everything(data.evaluation, 300)

    assert np.allclose(images.numpy(), expected, atol=1e-7)
    assert labels == list(answers)
    assert (len(data.calibration), data.classes, data.name) == (256, 10, "fashion-mnist")


def test_the_sample_holds_every_class():
    _, labels = everything(load_data("fashion-mnist", GRAY).evaluation, 300)

    assert np.bincount(labels).min() > 80


def test_the_sample_carries_its_licence():
    text = (BUNDLED / "LICENSE").read_text()

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


def write_idx(path, values, magic=b"\0\0\x08"):
    values = np.asarray(values, np.uint8)
    shape = struct.pack(f">{values.ndim}I", *values.shape)
    path.write_bytes(magic + bytes([values.ndim]) + shape + values.tobytes())


@pytest.fixture
def idx_folder(tmp_path):
    for split, count in (("train", 3), ("t10k", 2)):
        images = np.arange(count * 6).reshape(count, 2, 3)
        write_idx(tmp_path / f"{split}-images-idx3-ubyte", images)
        write_idx(tmp_path / f"{split}-labels-idx1-ubyte", np.arange(count) + 4)
    return tmp_path


def test_unzipped_idx_files_are_read(idx_folder):
    plain = Preprocess((2, 3), (2, 3), (0.0,), (1 / 255,))

    images, labels = everything(load_data(f"fashion-mnist:{idx_folder}", plain).evaluation)

    assert images.flatten().tolist() == pytest.approx(range(12))
    assert labels == [4, 5]
    assert read_idx(idx_folder / "train-images-idx3-ubyte").shape == (3, 2, 3)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda path: path.unlink(), "must hold the file t10k-images-idx3-ubyte or"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "must hold 2 items, ends in the 2"),
        (lambda path: path.write_bytes(path.read_bytes()[:9]), "ends in its head"),
        (lambda path: path.write_bytes(b"PK\x03\x04 a zip"), "must be an IDX file of unsigned"),
        (lambda path: path.write_bytes(b""), "must be an IDX file of unsigned"),
        (
            lambda path: path.write_bytes(gzip.compress(path.read_bytes())[:-12]),
            "must be a readable IDX file",
        ),
        (lambda path: write_idx(path, np.zeros((5, 2, 3))), "must hold one label for each image"),
        (lambda path: write_idx(path, np.zeros((2, 6))), "must hold one label for each image"),
    ],
)
def test_a_damaged_idx_file_is_one_line(idx_folder, damage, expected):
    damage(idx_folder / "t10k-images-idx3-ubyte")

    text = error_of(f"fashion-mnist:{idx_folder}", GRAY)

    assert expected in text
    assert str(idx_folder) in text


# Folders of images


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

    assert error_of(f"imagefolder:{tmp_path}").endswith("also has 'z'")


def test_a_folder_without_classes_has_no_labels(tmp_path):
    save_image(tmp_path / "b.png", 20)
    save_image(tmp_path / "a.png", 10, mode="L")

    data = load_data(f"imagefolder:{tmp_path}", RGB)
    images, labels = everything(data.evaluation)

    assert labels is None
    assert (images[:, 0, 0, 0] * 255).tolist() == pytest.approx([10, 20])
    assert data.classes is None


def test_calibration_photos_are_drawn_from_all_classes(tmp_path):
    for name in "abcd":
        for number in range(30):
            save_image(tmp_path / name / f"{number}.png", number)

    data = load_data(f"imagefolder:{tmp_path}", RGB, calibration_images=40)
    _, labels = everything(data.calibration)

    assert set(labels) == {0, 1, 2, 3}
    assert labels == sorted(labels)
    assert len(data.evaluation) == 120


@pytest.mark.parametrize("content", [b"", b"not an image", None])
def test_an_image_that_cannot_be_read_is_named(folder, content):
    broken = folder / "dog" / "10.png"
    # None: cut short in the middle.
    broken.write_bytes(broken.read_bytes()[:50] if content is None else content)

    text = error_of(f"imagefolder:{folder}")

    assert text.startswith(f"{broken}: must be an image that can be read, got ")


def test_the_hash_is_of_bytes_and_labels_in_order(tmp_path):
    save_image(tmp_path / "a" / "one.png", 1)
    save_image(tmp_path / "b" / "two.png", 2)
    parts = []
    for label, path in enumerate([tmp_path / "a" / "one.png", tmp_path / "b" / "two.png"]):
        content = path.read_bytes()
        parts.append(f"{len(content)} {label}\n".encode() + content)

    found = load_data(f"imagefolder:{tmp_path}", RGB).evaluation.sha256

    assert found == hashlib.sha256(b"".join(parts)).hexdigest()


# The user's own code


@pytest.mark.parametrize("function", ["lists", "generator", "loader", "one_batch"])
def test_batches_of_any_kind_are_cut_anew_and_can_be_read_twice(loaders, function):
    data = load_data(f"{loaders}:{function}", RGB)

    for _ in range(2):
        images, labels = everything(data.evaluation)
        assert images.flatten().tolist() == list(range(120))
        assert labels == list(range(10))
    assert (len(data.calibration), data.classes, data.name) == (10, None, function)


def test_a_function_may_give_images_alone(loaders):
    images, labels = everything(load_data(f"{loaders}:unlabelled", RGB).evaluation, 4)

    assert labels is None
    assert len(images) == 10


@pytest.mark.parametrize("function", ["both", "pair"])
def test_a_function_may_give_calibration_and_evaluation(loaders, function):
    data = load_data(f"{loaders}:{function}", RGB, evaluation_images=6)

    assert len(data.calibration) == 2
    assert not data.calibration.has_labels
    assert everything(data.evaluation, 4)[1] == [0, 1, 2, 3, 4, 5]


def test_what_a_function_draws_depends_on_the_seed_alone(loaders):
    first, second, third = (
        load_data(f"{loaders}:drawn", RGB, seed=seed).evaluation.sha256 for seed in (1, 1, 2)
    )

    assert first == second
    assert first != third


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("lits", "has no function 'lits', did you mean 'lists'?"),
        ("half_a_dictionary", "must return calibration and evaluation, lacks evaluation"),
        ("number", "must return batches of images, got int"),
        ("strings", "must give batches of image tensors (n, C, H, W), got str"),
        ("short_labels", "must give a label for each of 10 images"),
        ("empty", "must hold images for calibration, there are none"),
        ("uneven", "images must all have one shape, got (3, 1, 2) and (3, 2, 2)"),
    ],
)
def test_a_function_that_gives_no_images_is_one_line(loaders, function, expected):
    with pytest.raises(DataError) as caught:
        everything(load_data(f"{loaders}:{function}", RGB).evaluation, 20)

    assert expected in str(caught.value)


# Names


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
    assert error_of(spec) == expected


def test_an_empty_folder_is_refused(tmp_path):
    spec = f"imagefolder:{tmp_path}"

    assert error_of(spec) == f"{spec}: must hold images for calibration, there are none"


@pytest.mark.parametrize("option", ["calibration_images", "evaluation_images"])
def test_no_images_at_all_cannot_be_asked_for(option):
    what = option.removesuffix("_images")

    assert error_of("demo", **{option: 0}) == f"demo: must have at least 1 {what} image, got 0"


def test_no_photo_is_held_open_or_decoded_before_it_is_needed(folder):
    (folder / "dog" / "2.png").write_bytes(b"broken, but not among the first three")

    batches = load_data(f"imagefolder:{folder}", RGB).evaluation.batches(2)

    assert len(next(batches)[0]) == 2
    assert Path(folder / "dog" / "2.png").exists()


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


def test_boxes_are_part_of_the_hash(tmp_path):
    before = load_data(f"coco:{coco_folder(tmp_path)}", RGB).evaluation.sha256
    data = annotations()
    data["annotations"][0]["bbox"][0] += 1
    write_annotations(tmp_path, data)

    assert load_data(f"coco:{tmp_path}", RGB).evaluation.sha256 != before


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda folder: (folder / "val" / "1.png").unlink(), r"1 of 2 are missing, .*1\.png"),
        (lambda folder: truncate(folder / "val" / "1.png"), r"1\.png: must be an image that can"),
        (
            lambda folder: picture(folder / "val" / "1.png", (41, 30)),
            r"1\.png: must be of the size that its annotations say, 40x30, is 41x30",
        ),
        (lambda folder: (folder / "annotations" / "instances_val.json").unlink(), "has neither"),
    ],
    ids=["missing", "truncated", "of another size", "without annotations"],
)
def test_pictures_that_cannot_be_measured_on_are_named(tmp_path, spoil, expected):
    spoil(coco_folder(tmp_path))

    with pytest.raises(DataError, match=expected) as caught:
        list(load_data(f"coco:{tmp_path}", RGB).evaluation.batches(2))
    assert "\n" not in str(caught.value)


def truncate(path):
    path.write_bytes(path.read_bytes()[:60])


def test_a_folder_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: must be a folder of annotated pictures"):
        load_data(f"coco:{tmp_path / 'nowhere'}", RGB)
