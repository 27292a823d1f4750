"""Resizing against Darknet's own loops, and by hand."""

import numpy as np
import pytest

from autosplit.data.bilinear import letterbox_place, resize_by_centres, resize_by_corners


def darknet_resize(image, w, h):
    """``resize_image`` of Darknet: first across, then down; image of shape (H, W)."""
    im_h, im_w = image.shape
    part = np.zeros((im_h, w))
    for r in range(im_h):
        for c in range(w):
            if c == w - 1 or im_w == 1:
                part[r, c] = image[r, im_w - 1]
            else:
                sx = c * (im_w - 1) / (w - 1)
                ix = int(sx)
                part[r, c] = (1 - sx + ix) * image[r, ix] + (sx - ix) * image[r, ix + 1]
    resized = np.zeros((h, w))
    for r in range(h):
        sy = r * (im_h - 1) / (h - 1) if h > 1 else 0.0
        iy = int(sy)
        resized[r] = (1 - sy + iy) * part[iy]
        if r < h - 1 and im_h > 1:
            resized[r] += (sy - iy) * part[iy + 1]
    return resized


@pytest.mark.parametrize("size", [(5, 7), (13, 4), (1, 3), (20, 20), (2, 2)])
@pytest.mark.parametrize("shape", [(9, 12), (1, 6), (6, 1), (2, 3)])
def test_corners_stay_corners_as_in_darknet(shape, size):
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)

    found = resize_by_corners(image, *size)

    expected = darknet_resize(image.astype(float), *size)
    assert found.shape == (size[1], size[0])
    if size[1] > 1:  # Darknet divides by nothing for one row
        np.testing.assert_allclose(found, expected, atol=1e-3)


def test_centres_are_those_of_the_pixels():
    """Half the width: the centre of a new pixel is the border between two old ones."""
    image = np.array([[[0], [10], [20], [41]]], np.uint8)

    assert resize_by_centres(image, 2, 1).tolist() == [[[5], [30]]]  # 30.5 is rounded to even
    assert resize_by_centres(image, 4, 2)[1].tolist() == image[0].tolist()


@pytest.mark.parametrize(
    ("style", "picture", "place"),
    [
        ("darknet", (16, 7), (0, 2, 8, 3)),  # 3.5 pixels high, cut off
        ("darknet", (7, 16), (2, 0, 3, 8)),
        ("ultralytics", (16, 7), (0, 2, 8, 4)),  # 3.5, rounded to even
        ("ultralytics", (8, 1), (0, 3, 8, 1)),  # 3.5 pixels above, the smaller border first
        ("ultralytics", (1, 8), (3, 0, 1, 8)),
        ("alexeyab", (16, 7), (0, 0, 8, 8)),
    ],
)
def test_halves_of_pixels_are_rounded_as_each_family_does(style, picture, place):
    assert letterbox_place((8, 8), style, *picture) == place
