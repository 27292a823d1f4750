"""Pictures become the inputs that the network was trained on, without torch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from autosplit.data.preprocess import STYLES, Letterbox, Preprocess
from autosplit.deploy.bundle import preprocess_record
from autosplit.deploy.pictures import prepare
from autosplit.errors import DataError


def picture(width, height, mode="RGB"):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels).convert(mode)


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(["RGB", "L", "P", "RGBA"]))
@settings(max_examples=40, deadline=None)
def test_it_is_the_preparation_of_the_evaluation(width, height, mode):
    image = picture(width, height, mode)
    for of_torch in (
        Preprocess((12, 10), (9, 8), (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), Image.Resampling.BICUBIC),
        Preprocess((8, 8), (8, 8), (0.5,), (0.2,)),
        Preprocess((9, 8), (9, 8), (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), bgr=True),
        *(Letterbox((12, 20), style, channels) for style in STYLES for channels in (1, 3)),
    ):
        got = prepare(image, preprocess_record(of_torch))

        np.testing.assert_array_equal(got, of_torch(image).numpy())


def test_a_bundle_of_before_says_less():
    older = {"kind": "letterbox", "size": [12, 20], "style": "ultralytics", "channels": 3}

    got = prepare(picture(9, 5), older)
    np.testing.assert_array_equal(got, Letterbox((12, 20), "ultralytics")(picture(9, 5)).numpy())


def test_a_network_without_pictures_says_so():
    with pytest.raises(DataError, match="this network takes no pictures"):
        prepare(picture(3, 3), None)
