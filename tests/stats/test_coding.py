"""Pictures as JPEG files: their bytes, what arrives, and records of it."""

import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from autosplit.errors import DataError
from autosplit.stats.coding import (
    InputCoding,
    PictureInput,
    coding_from_dict,
    coding_to_dict,
    through_jpeg,
)

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.5)


def normalized(pixels, mean=MEAN, std=STD):
    """(N, C, H, W) of bytes as a network takes them, float32."""
    shape = (1, -1, 1, 1)
    return ((pixels / 255 - np.reshape(mean, shape)) / np.reshape(std, shape)).astype(np.float32)


def noise(channels=3, count=3):
    return np.random.default_rng(0).integers(0, 256, (count, channels, 16, 24), dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_what_arrives_is_what_pillow_decodes(channels):
    pixels, mean, std = noise(channels), MEAN[:channels], STD[:channels]
    arrived, sizes = through_jpeg(normalized(pixels, mean, std), 60, mean, std)

    for place, image in enumerate(pixels.transpose(0, 2, 3, 1)):
        file = io.BytesIO()
        Image.fromarray(image.squeeze()).save(file, format="JPEG", quality=60)
        decoded = np.asarray(Image.open(file)).reshape(16, 24, channels).transpose(2, 0, 1)
        assert sizes[place] == len(file.getvalue())
        expected = normalized(decoded[None], mean, std)[0]
        np.testing.assert_allclose(arrived[place], expected, atol=1e-5)


def test_files_grow_with_quality_and_get_closer():
    inputs = normalized(noise())
    found = [through_jpeg(inputs, quality, MEAN, STD) for quality in (10, 50, 90)]
    assert all(sum(small) < sum(large) for (_, small), (_, large) in pairwise(found))
    errors = [np.square(arrived - inputs).mean() for arrived, _ in found]
    assert all(far > near for far, near in pairwise(errors))


def test_every_quality_of_a_picture_arrives_as_it_does_alone():
    inputs = normalized(noise())
    found = list(PictureInput((30, 75), MEAN, STD).arrivals(inputs))

    for quality, (arrived, sizes) in zip((30, 75), found, strict=True):
        alone, alone_sizes = through_jpeg(inputs, quality, MEAN, STD)
        assert sizes == alone_sizes
        np.testing.assert_array_equal(arrived, alone)


def test_a_coding_is_read_as_it_was_written():
    coding = InputCoding(75, 4.2, 0.1, MEAN, STD)
    assert coding_from_dict(coding_to_dict(coding)) == coding
    assert coding.sent == 5


@pytest.mark.parametrize("shape", [(1, 1, 4, 4), (3, 4, 4), (1, 4, 4, 3)])
def test_inputs_of_another_shape_are_refused(shape):
    with pytest.raises(DataError, match=r"inputs: must have shape \(N, 3, H, W\)"):
        through_jpeg(np.zeros(shape, np.float32), 75, MEAN, STD)


@pytest.mark.parametrize("quality", [0, 96, 7.5])
def test_a_quality_out_of_range_is_refused(quality):
    with pytest.raises(DataError, match="quality: must be a whole number from 1 to 95"):
        through_jpeg(np.zeros((1, 3, 4, 4), np.float32), quality, MEAN, STD)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((True, 1.0, 0.0), "quality: must be a whole number"),
        ((75, 0.0, 0.0), "bytes: must be a number > 0, got 0.0"),
        ((75, float("nan"), 0.0), "bytes: must be"),
        ((75, 1.0, -1.0), "distortion: must be a number >= 0"),
        ((75, 1.0, float("inf")), "distortion: must be"),
        ((75, 1.0, 0.0, (0.0,), (0.0,)), "std: must be numbers > 0"),
        ((75, 1.0, 0.0, (float("nan"),), (1.0,)), "mean, std: must be finite"),
        ((75, 1.0, 0.0, (0.0, 0.0), (1.0, 1.0)), "must have 1 or 3 channels both"),
        ((75, 1.0, 0.0, (0.0,), (1.0, 1.0, 1.0)), "must have 1 or 3 channels both"),
    ],
)
def test_wrong_codings_are_refused(values, message):
    with pytest.raises(DataError, match=message):
        InputCoding(*values)
