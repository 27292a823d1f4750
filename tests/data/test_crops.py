"""Crops are parts of photos, drawn once and for all; calibration and evaluation share no photo."""

import numpy as np
import torch
from loaded import RGB, noise
from PIL import Image

from autosplit.data.crops import Crops, draw_crops
from autosplit.data.datasets import load_data


def identity(image):
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float()


def test_a_crop_is_the_part_of_its_photo(tmp_path):
    photo = noise(40, 30)
    photo.save(tmp_path / "a.png")
    parts = draw_crops([tmp_path / "a.png"], 20, 0)

    found = list(Crops(parts, identity))

    assert len(found) == 20
    for (_, (left, top, right, bottom)), (value, label) in zip(parts, found, strict=True):
        # the shorter side is 30 pixels: sides are 12 to 27
        assert 12 <= right - left == bottom - top <= 27
        assert min(left, top) >= 0
        assert right <= 40
        assert bottom <= 30
        expected = np.array(photo)[top:bottom, left:right].transpose(2, 0, 1)
        assert np.array_equal(value.numpy(), expected)
        assert label is None
    assert len({box for _, box in parts}) > 15


def test_crops_are_read_by_their_places(tmp_path):
    for name, colour in (("a", "white"), ("b", "black")):
        Image.new("RGB", (30, 30), colour).save(tmp_path / f"{name}.png")
    crops = Crops(draw_crops([tmp_path / "a.png", tmp_path / "b.png"], 3, 0), RGB)

    # one of each photo in turn: white at even places
    assert [float(value.max()) for value, _ in crops.at([1, 2, 5])] == [0.0, 1.0, 0.0]


def test_calibration_and_evaluation_are_crops_of_different_photos():
    data = load_data("demo-crops", RGB, calibration_images=30)
    again = load_data("demo-crops", RGB, calibration_images=30, seed=1)

    paths = [
        {path for path, _ in part.source.parts} for part in (data.calibration, data.evaluation)
    ]
    assert [len(part) for part in (data.calibration, data.evaluation)] == [30, 500]
    assert [len(part) for part in paths] == [10, 10]
    assert not paths[0] & paths[1]
    assert not data.evaluation.has_labels
    assert not data.shared
    assert data.evaluation.sha256 == again.evaluation.sha256
    assert data.evaluation.sha256 != data.calibration.sha256
