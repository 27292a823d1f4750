"""One image file: turned, scaled to 8 bits, or refused in one line."""

import numpy as np
import pytest
from PIL import ExifTags, Image

from autosplit.data.photo_file import photo_size, read_photo
from autosplit.errors import AutoSplitWarning, DataError


def test_sixteen_bits_a_pixel_are_scaled_to_eight(tmp_path):
    values = np.array([[0, 255, 256], [257, 32768, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")

    found = np.asarray(read_photo(tmp_path / "deep.png"))

    assert found.tolist() == [[0, 0, 1], [1, 128, 255]]


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
        (np.float32, [0, 0.5, 1.001], [0, 128, 255]),  # a little over white
        (np.float32, [0, 51, 256], [0, 51, 255]),
        (np.float32, [0, 25700, 51400], [0, 100, 200]),  # within 16 bits
        (np.int32, [0, 51, 200], [0, 51, 200]),
        (np.int32, [0, 257, 65535], [0, 1, 255]),
        (np.int32, [0, 16843009, 2**31 - 1], [0, 1, 127]),
        (np.int32, [0, 16843009, -1], [0, 1, 255]),  # unsigned, 2^32 - 1
    ],
)
def test_pictures_of_many_bits_are_scaled(tmp_path, kind, values, expected):
    Image.fromarray(np.array([values], kind)).save(tmp_path / "a.tiff")

    found = read_photo(tmp_path / "a.tiff")

    assert found.mode == "L"
    assert np.asarray(found)[0].tolist() == expected


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        (np.float32, [0, 5, 10], [0, 128, 255]),
        (np.int32, [0, 819, 4095], [0, 51, 255]),  # 12 bits
        (np.float32, [0, 1e10], [0, 255]),
    ],
)
def test_values_far_from_a_usual_white_are_scaled_by_the_largest(tmp_path, kind, values, expected):
    Image.fromarray(np.array([values], kind)).save(tmp_path / "a.tiff")

    with pytest.warns(AutoSplitWarning, match=r"a\.tiff: its largest value, .* taken for white"):
        found = read_photo(tmp_path / "a.tiff")

    assert np.asarray(found)[0].tolist() == expected


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        (np.uint16, [0, 256, 4095], [0, 1, 15]),
        (np.int32, [0, 10], [0, 10]),
        (np.float32, [0, 0.04], [0, 10]),
    ],
)
def test_a_picture_that_is_nearly_black_is_told(tmp_path, kind, values, expected):
    Image.fromarray(np.array([values], kind)).save(tmp_path / "a.tiff")

    with pytest.warns(AutoSplitWarning, match=r"a\.tiff: is nearly black, its largest value is"):
        found = read_photo(tmp_path / "a.tiff")

    assert np.asarray(found)[0].tolist() == expected


def test_a_black_picture_is_black(tmp_path):
    Image.fromarray(np.zeros((1, 2), np.float32)).save(tmp_path / "a.tiff")

    assert np.asarray(read_photo(tmp_path / "a.tiff")).tolist() == [[0, 0]]


def test_a_float_picture_below_zero_is_refused(tmp_path):
    Image.fromarray(np.array([[-1.0, 1.0]], np.float32)).save(tmp_path / "a.tiff")

    with pytest.raises(DataError, match="must hold brightness of 0 or more, holds -1"):
        read_photo(tmp_path / "a.tiff")


def test_noise_below_zero_and_values_that_are_not_finite_are_black(tmp_path):
    noisy = np.array([[-0.01, 0.4, 1.0]], np.float32)
    Image.fromarray(noisy).save(tmp_path / "a.tiff")
    assert np.asarray(read_photo(tmp_path / "a.tiff"))[0].tolist() == [0, 102, 255]

    Image.fromarray(np.array([[np.nan, 0.4, -np.inf, 1.0]], np.float32)).save(tmp_path / "b.tiff")
    with pytest.warns(AutoSplitWarning, match="2 of 4 values are not finite and count as black"):
        found = read_photo(tmp_path / "b.tiff")
    assert np.asarray(found)[0].tolist() == [0, 102, 0, 255]
    Image.fromarray(np.array([[np.nan]], np.float32)).save(tmp_path / "c.tiff")
    with pytest.raises(DataError, match="must hold finite brightness, holds none"):
        read_photo(tmp_path / "c.tiff")


@pytest.mark.parametrize(
    ("kind", "white"), [(np.float32, 1.0), (np.float64, 255.0), (np.uint32, 2**32 - 1)]
)
def test_colours_of_32_bits_are_scaled_to_8(tmp_path, kind, white):
    """Red at 1, green at 0.4 and blue at 0.2 of white: 255, 102 and 51; OpenCV has blue first."""
    cv2 = pytest.importorskip("cv2")
    pixels = (np.array([[[0.2, 0.4, 1.0]] * 3] * 2) * white).astype(kind)
    cv2.imwrite(str(tmp_path / "a.tiff"), pixels)

    found = read_photo(tmp_path / "a.tiff")

    assert found.mode == "RGB"
    assert found.size == photo_size(tmp_path / "a.tiff") == (3, 2)
    assert np.asarray(found)[1, 2].tolist() == [255, 102, 51]


def test_a_file_that_is_no_tiff_is_still_told(tmp_path, capfd):
    (tmp_path / "a.tiff").write_bytes(b"no picture")

    with pytest.raises(DataError, match="is of no kind that Pillow knows"):
        read_photo(tmp_path / "a.tiff")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.ppm", b"P6\n50T40 40\n255\n", "got invalid literal for int"),
        (
            "a.png",
            b"\x89PNG\r\n\x1a\n\x00\x00\x00\x01IHDR\x00\x00\x00\x00\x00",
            "got Truncated IHDR",
        ),
        ("a.jpg", b"", "is empty"),
        ("a.jpg", b"text", "is of no kind that Pillow knows"),
        ("a.jpg", None, "there is no such file"),
        (".", None, "is a folder"),
    ],
)
def test_a_broken_file_is_told_with_its_reason(tmp_path, name, content, reason):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(DataError) as caught:
        read_photo(path)

    assert str(caught.value).startswith(f"{path}: must be an image that can be read, {reason}")


def test_broken_camera_data_do_not_matter(tmp_path):
    cut = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x05"  # five entries follow, it says
    Image.new("RGB", (8, 4), "white").save(tmp_path / "a.jpg", exif=cut)

    assert read_photo(tmp_path / "a.jpg").size == (8, 4)


@pytest.mark.parametrize("turn", range(1, 9))
def test_the_size_of_a_file_is_that_of_the_picture_as_it_is_shown(tmp_path, turn):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = turn
    Image.new("RGB", (8, 4)).save(tmp_path / "a.jpg", exif=exif)

    size = photo_size(tmp_path / "a.jpg")

    assert size == ((4, 8) if turn >= 5 else (8, 4))
    assert size == read_photo(tmp_path / "a.jpg").size


def test_the_size_of_no_picture_is_refused(tmp_path):
    (tmp_path / "a.jpg").write_text("no picture")
    with pytest.raises(DataError, match=r"a\.jpg: must be an image that can be read, is of"):
        photo_size(tmp_path / "a.jpg")


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.webp", "a.gif"])
def test_of_several_pages_or_frames_the_first_is_taken_and_told(tmp_path, name):
    first, second = (Image.new("RGB", (8, 8), colour) for colour in ("white", "black"))
    first.save(tmp_path / name, save_all=True, append_images=[second])

    with pytest.warns(AutoSplitWarning, match="has 2 pictures, the first is taken"):
        found = read_photo(tmp_path / name).convert("RGB")

    assert np.asarray(found).min() > 250


def test_the_preview_beside_a_photo_of_a_telephone_is_not_told(tmp_path):
    both = [Image.new("RGB", (8, 8), colour) for colour in ("white", "black")]
    both[0].save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=both[1:])

    assert np.asarray(read_photo(tmp_path / "a.jpg")).min() > 250
