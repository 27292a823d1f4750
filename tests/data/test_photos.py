"""Image files are read one by one; one that cannot be read is named."""

from pathlib import Path

import numpy as np
import pytest
from loaded import RGB, data_error, save_image
from pictures import coco_folder, picture
from PIL import ExifTags, Image

from autosplit.data.datasets import load_data
from autosplit.data.photos import Photos, read_photo
from autosplit.errors import DataError


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

    assert text.startswith(f"{broken}: must be an image that can be read, got ")


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

    with pytest.raises(DataError, match=expected) as caught:
        list(load_data(f"coco:{tmp_path}", RGB).evaluation.batches(2))
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


def test_sixteen_bits_a_pixel_are_scaled_to_eight(tmp_path):
    values = np.array([[0, 255, 256], [257, 32768, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")

    found = np.asarray(read_photo(tmp_path / "deep.png"))

    assert found.tolist() == [[0, 0, 1], [1, 128, 255]]


def test_a_file_that_went_away_is_named(folder):
    path = folder / "gone.png"

    with pytest.raises(DataError, match=r"gone\.png: must be readable, No such file"):
        list(Photos(((path, None),), RGB).raw())


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_picture_is_turned_as_its_camera_says(tmp_path, turn):
    picture = Image.new("RGB", (8, 4), "white")
    picture.paste((0, 0, 0), (0, 0, 4, 4))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = turn
    picture.save(tmp_path / "a.png", exif=exif)

    found = read_photo(tmp_path / "a.png")

    # which side is black: left, right, right, left; top, top, bottom, bottom (EXIF 2.3, 4.6.4)
    assert found.size == ((8, 4) if turn < 5 else (4, 8))
    corner = {1: (0, 0), 2: (7, 0), 3: (7, 0), 4: (0, 0)}.get(turn, (0, 0 if turn < 7 else 7))
    assert found.getpixel(corner) == (0, 0, 0)


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        (np.float32, [0, 0.5, 1], [0, 128, 255]),
        (np.float32, [0, 51, 255], [0, 51, 255]),
        (np.float32, [0, 256, 512], [0, 1, 2]),  # within 16 bits
        (np.int32, [0, 51, 200], [0, 51, 200]),
        (np.int32, [0, 257, 65535], [0, 1, 255]),
        (np.int32, [0, 16843009, 2**31 - 1], [0, 1, 127]),
    ],
)
def test_pictures_of_many_bits_are_scaled(tmp_path, kind, values, expected):
    Image.fromarray(np.array([values], kind)).save(tmp_path / "a.tiff")

    found = read_photo(tmp_path / "a.tiff")

    assert found.mode == "L"
    assert np.asarray(found)[0].tolist() == expected


def test_a_float_picture_below_zero_is_refused(tmp_path):
    Image.fromarray(np.array([[-1.0, 1.0]], np.float32)).save(tmp_path / "a.tiff")

    with pytest.raises(DataError, match="must hold finite brightness of 0 or more"):
        read_photo(tmp_path / "a.tiff")
