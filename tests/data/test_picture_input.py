"""Pictures become planes of numbers: by torchvision's steps, and by hand for borders."""

import numpy as np
import pytest
from PIL import Image
from torchvision import transforms

from autosplit.data.picture_input import crop_picture, letterbox_picture

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
AS_THEY_ARE = ((0.0,) * 3, (1.0,) * 3)
GREY = ((0.0,), (1.0,))


def picture(width, height):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("size", [(40, 40), (60, 30), (31, 47)])
def test_a_crop_is_torchvisions(size):
    image = picture(*size)
    steps = [
        transforms.Resize(24, transforms.InterpolationMode.BICUBIC),
        transforms.CenterCrop(20),
        transforms.ToTensor(),
        transforms.Normalize(MEAN, STD),
    ]

    got = crop_picture(image, (24, 24), (20, 20), (MEAN, STD), Image.Resampling.BICUBIC, bgr=False)

    np.testing.assert_allclose(got, transforms.Compose(steps)(image).numpy(), atol=1e-6)


def test_channels_may_be_turned_round_and_grey():
    image = Image.new("RGB", (2, 2), (255, 0, 51))
    nearest = Image.Resampling.NEAREST

    turned = crop_picture(image, (2, 2), (2, 2), AS_THEY_ARE, nearest, bgr=True)
    grey = crop_picture(image, (2, 2), (2, 2), ((0.0,), (0.5,)), nearest, bgr=False)

    np.testing.assert_allclose(turned[:, 0, 0], [0.2, 0, 1])
    np.testing.assert_allclose(grey, np.full((1, 2, 2), 2 * 82 / 255), rtol=1e-6)


@pytest.mark.parametrize(("style", "border"), [("darknet", 0.5), ("ultralytics", 114 / 255)])
def test_a_wide_picture_lies_between_two_borders(style, border):
    white = Image.new("RGB", (8, 4), (255,) * 3)

    got = letterbox_picture(white, (8, 8), style, AS_THEY_ARE, bgr=False)

    np.testing.assert_allclose(got[:, 2:6], 1)
    np.testing.assert_allclose(got[:, [0, 1, 6, 7]], border, rtol=1e-6)


def test_a_stretched_picture_has_no_border():
    got = letterbox_picture(Image.new("L", (8, 4), 255), (8, 8), "alexeyab", GREY, bgr=False)

    np.testing.assert_array_equal(got, np.ones((1, 8, 8)))


@pytest.mark.parametrize(
    ("style", "row"), [("darknet", [0, 41]), ("alexeyab", [0, 41]), ("ultralytics", [5, 30])]
)
def test_corners_stay_corners_or_centres_are_those_of_the_pixels(style, row):
    """Of ultralytics' a new pixel lies between two old ones: 5, and 30.5 rounded to even."""
    image = Image.fromarray(np.array([[0, 10, 20, 41]] * 2, np.uint8))

    got = letterbox_picture(image, (1, 2), style, GREY, bgr=False)

    np.testing.assert_allclose(got[0, 0] * 255, row, rtol=1e-6)


def test_the_border_is_normalized_too_and_keeps_its_grey():
    """Megvii's older weights: red, green, blue by mean and deviation, grey 114 included."""
    red = Image.new("RGB", (8, 4), (255, 0, 51))
    expected = [(np.array([1, 0, 0.2]) - MEAN) / STD, (114 / 255 - np.array(MEAN)) / STD]

    got = letterbox_picture(red, (8, 8), "yolox", (MEAN, STD), bgr=False)

    for rows, colour in zip((got[:, :4], got[:, 4:]), expected, strict=True):
        np.testing.assert_allclose(rows, np.tile(colour[:, None, None], (4, 8)), rtol=1e-5)
