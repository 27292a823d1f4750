"""The preparation of pictures as a person asks for it."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from autosplit.data.asked_preprocess import (
    CHANNELS,
    INTERPOLATIONS,
    AskedPreprocess,
    adjusted,
    described,
    prepared_numbers,
)
from autosplit.data.preprocess import (
    STYLES,
    Letterbox,
    NoImages,
    Preprocess,
    preprocess_for,
)
from autosplit.errors import OptionError
from autosplit.runs.options import CHANNEL_NAMES, INTERPOLATION_NAMES, PREPROCESS_NAMES

OWN = preprocess_for((1, 3, 32, 32))
PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 70, 3), dtype=np.uint8))


def test_a_network_of_ones_own_takes_pixels_from_0_to_1():
    found = OWN(PHOTO)

    assert 0 <= float(found.min()) <= float(found.max()) <= 1
    assert preprocess_for((1, 1, 8, 8)) == Preprocess((8, 8), (8, 8), (0.0,), (1.0,))


def test_it_is_that_of_torchvision():
    asked = AskedPreprocess((0.4, 0.5, 0.6), (0.25,), resize=40, interpolation="bicubic")
    theirs = v2.Compose(
        [
            v2.Resize(40, v2.InterpolationMode.BICUBIC),
            v2.CenterCrop(32),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize((0.4, 0.5, 0.6), (0.25,) * 3),
        ]
    )

    assert torch.allclose(adjusted(OWN, asked, "net")(PHOTO), theirs(PHOTO), atol=1e-5)


def test_blue_may_come_first():
    found = adjusted(OWN, AskedPreprocess(channels="bgr"), "net")(PHOTO)

    assert torch.equal(found, OWN(PHOTO).flip(0))


def test_nothing_asked_changes_nothing():
    assert adjusted(OWN, AskedPreprocess(), "net") is OWN
    assert adjusted(Letterbox((8, 8)), AskedPreprocess(), "net") == Letterbox((8, 8))


@pytest.mark.parametrize(
    ("prepare", "asked", "problem"),
    [
        (OWN, {"mean": (0.5, 0.5)}, "--mean: must be 1 or 3 numbers, got 2"),
        (OWN, {"std": (0.0,)}, "--std: must be above 0, got 0"),
        (OWN, {"channels": "gray"}, "--channels: must be those of net, which takes 3, got gray"),
        (OWN, {"crop": 28}, "--crop: must be the size of the input of net, 32x32, got 28"),
        (OWN, {"resize": 28}, "--resize: must be at least the size of the input, 32x32, got 28"),
        (
            Letterbox((8, 8)),
            {"crop": 8, "std": (2,)},
            "--crop: must be left out, .* whole pictures",
        ),
        (Letterbox((8, 8)), {"std": (0.0,)}, "--std: must be above 0, got 0"),
        (Letterbox((8, 8)), {"channels": "gray"}, "must be those of net, which takes 3, got gray"),
        (NoImages((4,)), {"std": (1.0,), "crop": 3}, "--std, --crop: .* takes no pictures"),
    ],
)
def test_what_does_not_fit_is_one_line(prepare, asked, problem):
    with pytest.raises(OptionError, match=problem):
        adjusted(prepare, AskedPreprocess(**asked), "net")


def test_it_is_told_in_words_and_in_numbers():
    asked = AskedPreprocess((0.5,), (0.25,), resize=40, channels="bgr")
    found = adjusted(OWN, asked, "net")

    assert described(found) == (
        "BGR pictures resized to 40x40 (bilinear), cropped to 32x32, mean 0.5, 0.5, 0.5, std 0.25, "
        "0.25, 0.25"
    )
    assert described(OWN).endswith("in 0..1, not normalized")
    assert described(NoImages((4,))) == "no pictures"
    assert prepared_numbers(found) == {
        "resize": [40, 40],
        "crop": [32, 32],
        "mean": [0.5] * 3,
        "std": [0.25] * 3,
        "interpolation": "bilinear",
        "channels": "bgr",
    }
    assert prepared_numbers(Letterbox((8, 8), "yolox", 1)) == {
        "whole": "yolox",
        "mean": [0.0],
        "std": [1 / 255],
        "channels": "gray",
    }
    assert prepared_numbers(NoImages((4,))) == {}


def test_options_list_the_names():
    assert tuple(INTERPOLATIONS) == INTERPOLATION_NAMES
    assert tuple(CHANNELS) == CHANNEL_NAMES


def test_a_whole_picture_becomes_the_input_of_a_detector_as_asked():
    asked = AskedPreprocess(preprocess="ultralytics")

    assert adjusted(Letterbox((8, 16)), asked, "net") == Letterbox((8, 16), "ultralytics")
    assert adjusted(OWN, asked, "net") == Letterbox((32, 32), "ultralytics")
    assert described(Letterbox((8, 16), "alexeyab", 1)) == (
        "whole pictures stretched to 8x16 (--preprocess alexeyab), grey in 0..1"
    )
    yolox = Letterbox((8, 16), "yolox")
    assert adjusted(Letterbox((8, 16)), AskedPreprocess(preprocess="yolox"), "net") == yolox
    assert described(yolox) == (
        "whole pictures on grey 114 at the right and below, 8x16 (--preprocess yolox), "
        "BGR in 0..255"
    )
    with pytest.raises(OptionError, match="takes no pictures"):
        adjusted(NoImages((1, 4)), asked, "net")


def test_the_options_name_every_way_to_show_a_whole_picture():
    assert PREPROCESS_NAMES == STYLES


def test_channels_and_means_of_whole_pictures_may_be_asked_for():
    """Megvii's older weights: RGB, by ImageNet's mean and deviation, at the top left."""
    asked = AskedPreprocess((0.4, 0.5, 0.6), (0.25,), channels="rgb")
    found = adjusted(Letterbox((32, 48), "yolox"), asked, "net")
    plain = Letterbox((32, 48), "yolox", std=(1.0,) * 3, bgr=False)(PHOTO)

    mean = torch.tensor([0.4, 0.5, 0.6]).view(3, 1, 1)
    assert torch.allclose(found(PHOTO), (plain - mean) / 0.25, atol=1e-6)
    assert described(found).endswith("yolox), RGB, mean 0.4, 0.5, 0.6, std 0.25, 0.25, 0.25")
    flipped = adjusted(Letterbox((32, 48)), AskedPreprocess(channels="bgr"), "net")
    assert torch.equal(flipped(PHOTO), Letterbox((32, 48))(PHOTO).flip(0))
