"""Image files are read one by one; one that cannot be read is named."""

from pathlib import Path

import pytest
from loaded import RGB, data_error, save_image
from pictures import coco_folder, darknet_folder, picture
from PIL import Image

from autosplit.data.datasets import load_data
from autosplit.data.dirty import LabelRules
from autosplit.data.photos import Photos
from autosplit.errors import AutoSplitWarning, DataError


@pytest.fixture
def folder(tmp_path):
    """Return a folder of three classes; each image is of its own shade."""
    root = tmp_path / "zoo"
    names = ["cat/b.png", "cat/a.PNG", "cat/sub/c.bmp", "ant/x.png", "dog/2.png", "dog/10.png"]
    for shade, name in enumerate(names):
        save_image(root / name, 10 * shade)
    (root / "cat" / "notes.txt").write_text("no image")
    return root


@pytest.mark.parametrize("content", [b"", b"not an image", None])
def test_an_image_that_cannot_be_read_is_named(folder, content):
    broken = folder / "dog" / "10.png"
    # None: cut short in the middle.
    broken.write_bytes(broken.read_bytes()[:50] if content is None else content)

    text = data_error(f"imagefolder:{folder}")

    assert text.startswith(f"{broken}: must be an image that can be read, ")


def test_no_photo_is_held_open_or_decoded_before_it_is_needed(folder):
    (folder / "dog" / "2.png").write_bytes(b"broken, but not among the first three")

    batches = load_data(f"imagefolder:{folder}", RGB).evaluation.batches(2)

    assert len(next(batches)[0]) == 2
    assert Path(folder / "dog" / "2.png").exists()


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda folder: [p.unlink() for p in (folder / "val").iterdir()], "2 of 2 are missing, "),
        (lambda folder: truncate(folder / "val" / "1.png"), r"1\.png: must be an image that can"),
        (
            lambda folder: picture(folder / "val" / "1.png", (41, 30)),
            r"1\.png: must be of the size that its annotations say, 40x30, is 41x30",
        ),
        (
            lambda folder: (folder / "annotations" / "instances_val.json").unlink(),
            "has none of them",
        ),
    ],
    ids=["missing", "truncated", "of another size", "without annotations"],
)
def test_pictures_that_cannot_be_measured_on_are_named(tmp_path, spoil, expected):
    spoil(coco_folder(tmp_path))
    strict = LabelRules(strict=True)

    with pytest.raises(DataError, match=expected) as caught:
        list(load_data(f"coco:{tmp_path}", RGB, rules=strict).evaluation.batches(2))
    assert "\n" not in str(caught.value)


def truncate(path):
    path.write_bytes(path.read_bytes()[:60])


def test_files_that_are_not_asked_for_are_not_read(folder):
    images = load_data(f"imagefolder:{folder}", RGB).evaluation
    (folder / "ant" / "x.png").write_bytes(b"broken")

    ((batch, labels),) = images.batches(4, places=[1, 3])

    # Of zoo: ant/x.png, cat/a.PNG, cat/b.png, cat/sub/c.bmp, ...; each of its own shade.
    assert (batch[:, 0, 0, 0] * 255).tolist() == pytest.approx([10, 20])
    assert labels.tolist() == [1, 1]


def test_a_file_that_went_away_is_named(folder):
    path = folder / "gone.png"

    with pytest.raises(DataError, match=r"gone\.png: must be readable, No such file"):
        list(Photos(((path, None),), RGB).raw())


def test_a_picture_of_another_size_than_its_annotations_is_left_out_and_listed(tmp_path):
    folder = coco_folder(tmp_path)
    Image.new("RGB", (30, 40)).save(folder / "val" / "0.png")

    with pytest.warns(AutoSplitWarning, match=r"0\.png: must be of the size .* 40x30, is 30x40"):
        data = load_data(f"coco:{folder}", RGB)

    assert [path.name for path, _ in data.evaluation.source.files] == ["1.png"]
    assert len(data.left_out) == 1
    with pytest.raises(DataError, match=r"1 entry cannot be used: .*must be of the size"):
        load_data(f"coco:{folder}", RGB, rules=LabelRules(strict=True))


def test_a_broken_picture_with_boxes_is_left_out(tmp_path):
    folder = darknet_folder(tmp_path)
    (folder / "images" / "val0.png").write_text("no picture")

    with pytest.warns(AutoSplitWarning, match=r"val0\.png: must be an image that can be read"):
        data = load_data(f"coco:{folder}", RGB)

    assert [path.name for path, _ in data.evaluation.source.files] == ["val1.png"]
