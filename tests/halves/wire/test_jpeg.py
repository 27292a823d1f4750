"""Pictures as JPEG files, and files that are none."""

import io

import numpy as np
import pytest
from PIL import Image

from autosplit.errors import DataError
from autosplit.halves.wire.jpeg import decode_jpeg, encode_jpeg, from_pixels, to_pixels

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.5)


def picture(channels=3):
    return np.random.default_rng(0).integers(0, 256, (channels, 16, 24), dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_file_is_the_one_that_pillow_writes(channels):
    pixels = picture(channels)
    file = io.BytesIO()
    Image.fromarray(pixels.transpose(1, 2, 0).squeeze()).save(file, format="JPEG", quality=60)

    assert encode_jpeg(pixels, 60) == file.getvalue()
    decoded = np.asarray(Image.open(file)).reshape(16, 24, channels).transpose(2, 0, 1)
    np.testing.assert_array_equal(decode_jpeg(file.getvalue(), (channels, 16, 24)), decoded)


def test_pixels_survive_the_way_to_the_network_s_input_and_back():
    pixels = picture()[None]

    np.testing.assert_array_equal(to_pixels(from_pixels(pixels, MEAN, STD), MEAN, STD), pixels)


def test_pixels_are_normalized_by_channel():
    pixels = np.array([0, 255, 51], np.uint8).reshape(1, 3, 1, 1)

    # (0 - 0.5) / 0.2, (1 - 0.4) / 0.25, (0.2 - 0.3) / 0.5
    np.testing.assert_allclose(from_pixels(pixels, MEAN, STD).ravel(), [-2.5, 2.4, -0.2], 1e-6)


def test_what_is_brighter_than_a_pixel_is_clamped():
    bright = np.array([-9.0, 9.0], np.float32).reshape(2, 1, 1, 1)

    assert to_pixels(bright, (0.5,), (1.0,)).ravel().tolist() == [0, 255]


@pytest.mark.parametrize("quality", [0, 96, 7.0, True])
def test_a_quality_out_of_range_is_refused(quality):
    with pytest.raises(DataError, match="from 1 to 95"):
        encode_jpeg(picture(), quality)


@pytest.mark.parametrize("shape", [(3, 24, 16), (1, 16, 24), (3, 16, 25)])
def test_a_picture_of_another_shape_is_refused(shape):
    with pytest.raises(DataError, match=r"the shape .*, got \(3, 16, 24\)"):
        decode_jpeg(encode_jpeg(picture(), 75), shape)


def test_any_cut_or_damaged_file_is_refused_or_decoded_and_nothing_else():
    file = encode_jpeg(picture(), 75)
    rng = np.random.default_rng(0)
    damaged = [file[:end] for end in range(0, len(file), 7)]
    for _ in range(300):
        wrong = bytearray(file)
        for place in rng.integers(0, len(file), 3):
            wrong[place] = rng.integers(0, 256)
        damaged.append(bytes(wrong))
    refused = 0
    for data in damaged:
        try:
            assert decode_jpeg(data, (3, 16, 24)).shape == (3, 16, 24)
        except DataError as error:
            assert "\n" not in str(error)  # noqa: PT017
            refused += 1
    assert refused > 100


def test_a_file_of_another_kind_is_refused():
    file = io.BytesIO()
    Image.fromarray(picture().transpose(1, 2, 0)).save(file, format="PNG")

    with pytest.raises(DataError, match="must be a whole JPEG file"):
        decode_jpeg(file.getvalue(), (3, 16, 24))
