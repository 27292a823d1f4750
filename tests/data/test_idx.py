"""Files of MNIST's format are what gzip and numpy read."""

import gzip
import struct

import numpy as np
import pytest
from loaded import GRAY, data_error, everything

from autosplit.data.bundled import FASHION_MNIST
from autosplit.data.datasets import load_data
from autosplit.data.idx import read_idx
from autosplit.data.preprocess import Preprocess


def write_idx(path, values, magic=b"\0\0\x08"):
    values = np.asarray(values, np.uint8)
    shape = struct.pack(f">{values.ndim}I", *values.shape)
    path.write_bytes(magic + bytes([values.ndim]) + shape + values.tobytes())


@pytest.fixture
def idx_folder(tmp_path):
    for split, count in (("train", 3), ("t10k", 2)):
        images = np.arange(count * 6).reshape(count, 2, 3)
        write_idx(tmp_path / f"{split}-images-idx3-ubyte", images)
        write_idx(tmp_path / f"{split}-labels-idx1-ubyte", np.arange(count) + 4)
    return tmp_path


def test_the_bundled_sample_is_what_gzip_and_numpy_read():
    data = load_data("fashion-mnist", GRAY)
    raw = gzip.decompress((FASHION_MNIST / "t10k-images-idx3-ubyte.gz").read_bytes())
    expected = np.frombuffer(raw, np.uint8, offset=16).reshape(1000, 1, 28, 28) / 255
    answers = gzip.decompress((FASHION_MNIST / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:]

    images, labels = everything(data.evaluation, 300)

    assert np.allclose(images.numpy(), expected, atol=1e-7)
    assert labels == list(answers)
    assert (len(data.calibration), data.classes, data.name) == (256, 10, "fashion-mnist")


def test_unzipped_idx_files_are_read(idx_folder):
    plain = Preprocess((2, 3), (2, 3), (0.0,), (1 / 255,))

    images, labels = everything(load_data(f"fashion-mnist:{idx_folder}", plain).evaluation)

    assert images.flatten().tolist() == pytest.approx(range(12))
    assert labels == [4, 5]
    assert read_idx(idx_folder / "train-images-idx3-ubyte").shape == (3, 2, 3)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda path: path.unlink(), "must hold the file t10k-images-idx3-ubyte or"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "must hold 2 items, ends in the 2"),
        (lambda path: path.write_bytes(path.read_bytes()[:9]), "ends in its head"),
        (lambda path: path.write_bytes(b"PK\x03\x04 a zip"), "must be an IDX file of unsigned"),
        (lambda path: path.write_bytes(b""), "must be an IDX file of unsigned"),
        (
            lambda path: path.write_bytes(gzip.compress(path.read_bytes())[:-12]),
            "must be a readable IDX file",
        ),
        (lambda path: write_idx(path, np.zeros((5, 2, 3))), "must hold one label for each image"),
        (lambda path: write_idx(path, np.zeros((2, 6))), "must hold one label for each image"),
    ],
)
def test_a_damaged_idx_file_is_one_line(idx_folder, damage, expected):
    damage(idx_folder / "t10k-images-idx3-ubyte")

    text = data_error(f"fashion-mnist:{idx_folder}", GRAY)

    assert expected in text
    assert str(idx_folder) in text
