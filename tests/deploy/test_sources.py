"""Inputs of infer: pictures, arrays, folders."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import ExifTags, Image

from autosplit.deploy.manifest import TensorOf, read_manifest
from autosplit.deploy.sources import list_sources, read_source
from autosplit.errors import DataError


@pytest.fixture
def manifest(bundle):
    return read_manifest(bundle)


def test_a_folder_gives_its_pictures_and_arrays_in_order(tmp_path):
    for name in ("b.png", "sub/a.npy", "note.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")

    assert [path.name for path in list_sources(tmp_path)] == ["b.png", "a.npy"]
    with pytest.raises(DataError, match="is none"):
        list_sources(tmp_path / "nowhere")


def test_samples_of_an_array_come_one_by_one(tmp_path, manifest):
    values = np.arange(2 * 3 * 64, dtype=np.float64).reshape(2, 3, 8, 8)
    np.save(tmp_path / "x.npy", values)

    found = list(read_source(tmp_path / "x.npy", manifest, manifest.plan("split")))

    assert [one["x"].shape for one in found] == [(1, 3, 8, 8)] * 2
    got = np.concatenate([one["x"] for one in found])
    np.testing.assert_array_equal(got, values.astype(np.float32))


def test_a_picture_is_prepared(tmp_path, manifest):
    Image.new("RGB", (8, 8), (255, 0, 0)).save(tmp_path / "x.png")

    (found,) = read_source(tmp_path / "x.png", manifest, manifest.plan("split"))

    np.testing.assert_allclose(found["x"][0, :, 0, 0], [(1 - 0.5) / 0.2, -0.4 / 0.3, -0.3 / 0.4])


def test_a_picture_is_turned_as_its_camera_says(tmp_path, manifest):
    upright = Image.new("RGB", (8, 8), (255, 0, 0))
    upright.paste((0, 0, 255), (0, 0, 8, 4))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 3  # by half a turn
    upright.rotate(180).save(tmp_path / "turned.png", exif=exif)
    upright.save(tmp_path / "upright.png")

    turned, straight = (
        next(iter(read_source(tmp_path / name, manifest, manifest.plan("split"))))["x"]
        for name in ("turned.png", "upright.png")
    )

    np.testing.assert_array_equal(turned, straight)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("x.png", b"nothing", "must be an image that can be read"),
        ("x.npy", b"nothing", "must be an array of numbers"),
    ],
)
def test_files_that_cannot_be_read_are_one_line(tmp_path, manifest, name, data, words):
    (tmp_path / name).write_bytes(data)

    with pytest.raises(DataError, match=words):
        list(read_source(tmp_path / name, manifest, manifest.plan("split")))


def test_another_shape_is_refused_and_pickles_are_not_opened(tmp_path, manifest):
    np.save(tmp_path / "x.npy", np.zeros((1, 2)))
    with pytest.raises(DataError, match=r"must have the shape \(N, 3, 8, 8\), got \(1, 2\)"):
        list(read_source(tmp_path / "x.npy", manifest, manifest.plan("split")))

    np.save(tmp_path / "y.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(DataError, match="must be an array of numbers"):
        list(read_source(tmp_path / "y.npy", manifest, manifest.plan("split")))


def test_several_inputs_are_arrays_of_one_file(tmp_path, manifest):
    several = replace(manifest, inputs=(TensorOf("x", (2,), "float32"), TensorOf("y", (), "int64")))
    plan = manifest.plan("split")
    path = tmp_path / "both.npz"
    np.savez(path, y=np.array([7, 8], np.int32), x=np.array([[1, 2], [3, 4]]))

    first, second = read_source(path, several, plan)

    assert {name: (value.dtype.name, value.tolist()) for name, value in second.items()} == {
        "x": ("float32", [[3.0, 4.0]]),
        "y": ("int64", [8]),
    }
    assert first["y"].tolist() == [7]
    for arrays, words in (
        ({"x": np.zeros((2, 2))}, "must have the arrays x, y, has x"),
        ({"x": np.zeros((2, 2)), "y": np.zeros(3)}, "as many samples of every input, got 2 of x, "),
        ({"x": np.zeros((2, 3)), "y": np.zeros(2)}, r"x must have the shape \(N, 2\), got \(2, 3"),
    ):
        np.savez(path, **arrays)
        with pytest.raises(DataError, match=words):
            next(read_source(path, several, plan))
    with pytest.raises(DataError, match=r"must be a .npz file with the arrays x, y"):
        next(read_source(tmp_path / "x.png", several, plan))
