"""Networks and images loaded by name, and the one line that says why something cannot be."""

import numpy as np
import pytest
import torch
from PIL import Image

from autosplit.data.datasets import load_data
from autosplit.data.preprocess import Preprocess
from autosplit.errors import AutoSplitError, DataError, ModelError
from autosplit.models.load import load_model

GRAY = Preprocess((28, 28), (28, 28), (0.0,), (1.0,))
RGB = Preprocess((8, 8), (8, 8), (0.0,) * 3, (1.0,) * 3)


class Bomb:
    """Write a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def noise(width, height, mode="RGB"):
    """An image of random pixels, always the same ones."""
    rng = np.random.default_rng(0)
    shape = (height, width) if mode == "L" else (height, width, len(mode))
    return Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8))


def save_image(path, value, size=(12, 10), mode="RGB"):
    """Write an image of one shade, 0..255."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if mode == "L" else (value,) * 3).save(path)


def one_line(caught):
    """The text of an error of ours, which must be one line."""
    assert isinstance(caught.value, AutoSplitError)
    text = str(caught.value)
    assert "\n" not in text
    return text


def model_error(spec, kind=ModelError, **options):
    """The one line that says why a network cannot be loaded."""
    with pytest.raises(kind) as caught:
        load_model(spec, **options)
    return one_line(caught)


def data_error(spec, preprocess=RGB, kind=DataError, **options):
    """The one line that says why a data set cannot be loaded or its images not be read."""
    with pytest.raises(kind) as caught:
        everything(load_data(spec, preprocess, **options).evaluation)
    return one_line(caught)


def everything(images, size=3):
    """All inputs and labels; batches have the size asked for, but for the last."""
    batches = list(images.batches(size))
    assert [len(tensor) for tensor, _ in batches[:-1]] == [size] * (len(batches) - 1)
    tensors = torch.cat([tensor for tensor, _ in batches])
    assert len(tensors) == len(images)
    assert tensors.dtype == torch.float32
    if not images.has_labels:
        assert all(labels is None for _, labels in batches)
        return tensors, None
    labels = torch.cat([labels for _, labels in batches])
    assert labels.dtype == torch.int64
    return tensors, labels.tolist()
