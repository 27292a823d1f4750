"""Statistics: out to files and in again."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy
import yaml

from autosplit.errors import FileError
from autosplit.grid.grid import Grid
from autosplit.stats.coding import InputCoding
from autosplit.stats.stats import Distortion, Stats, TensorStats
from autosplit.stats.statsfile import STATS_FILES, read_stats, write_stats


def tensor(**change):
    return replace(
        TensorStats(-1.5, 2.0, -1.25, 1 / 3, 0.1, 1e-9, 0.7, (3, 4, 4), 48),
        **change,
    )


STATS = Stats(
    7,
    {"x": tensor(), "layer1.0.conv1": tensor(shape=(10,), elements=10), "no": tensor(max=1e30)},
    {
        ("x", "activation", 8): Distortion(1e-5, 0.1 + 0.2),
        ("layer1.0.conv1", "activation", 1): Distortion(0.0, 0.0),
        ("layer1.0.conv1", "weight", 1): Distortion(1 / 3, 2 / 3),
        ("layer1.0.conv1", "weight", 8): Distortion(0.0, 0.0),
    },
    {
        ("x", 8): Grid.of(8, 1 / 64, 96),
        ("layer1.0.conv1", 1): Grid.from_range(0.0, 0.0, 1),
    },
    {
        ("layer1.0.conv1", 1): Grid.of(1, (1 / 3, 1e-38), (1, 0)),
        ("layer1.0.conv1", 8): Grid.of(8, (0.1, 3e38), (255, 128)),
    },
    (InputCoding(50, 100.5, 0.25, (0.5,), (0.2,)), InputCoding(90, 300.25, 1 / 3, (0.5,), (0.2,))),
)


@pytest.fixture
def folder(tmp_path):
    write_stats(tmp_path, STATS)
    return tmp_path


def test_what_is_written_is_read_back(folder):
    found = read_stats(folder)

    assert (found.samples, found.tensors) == (7, STATS.tensors)
    assert found.distortions == STATS.distortions
    assert found.activation_grids == STATS.activation_grids
    assert found.weight_grids == STATS.weight_grids
    assert found.input_codings == STATS.input_codings


def test_the_one_jpeg_file_of_an_older_run_is_refused_in_one_line(folder):
    path = folder / "stats.yaml"
    data = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(data | {"jpeg": data["jpeg"][0]}))

    with pytest.raises(FileError, match="stats --force") as caught:
        read_stats(folder)
    assert "\n" not in str(caught.value)


def test_a_run_of_inputs_that_are_no_pictures_has_no_files(folder):
    write_stats(folder, replace(STATS, input_codings=()))
    assert read_stats(folder).input_codings == ()


def test_the_same_stats_give_the_same_bytes(folder, tmp_path):
    write_stats(tmp_path / "again", read_stats(folder))

    assert {path.name for path in (tmp_path / "again").iterdir()} == set(STATS_FILES)
    for name in STATS_FILES:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize("name", STATS_FILES)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()

    with pytest.raises(FileError, match=rf"{name}: must be a"):
        read_stats(folder)


@pytest.mark.parametrize("name", STATS_FILES)
def test_a_foreign_file_is_named(folder, name):
    (folder / name).write_text("foreign: 1\n")

    with pytest.raises(FileError, match=rf"{name}: "):
        read_stats(folder)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("stats.yaml", "avg_max", "average"),
        ("distortion.csv", ",8,", ",eight,"),
        ("distortion.csv", ",1e-05,", ",,"),
        ("distortion.csv", ",1e-05,", ",nan,"),
        ("distortion.csv", ",1e-05,", ",-1.0,"),
        ("distortion.csv", ",-1.5,", ",9.5,"),
        ("distortion.csv", ",-1.5,", ",-inf,"),
        ("distortion.csv", ",activation,8", ",output,8"),
        ("stats.yaml", "samples: 7", "samples: many"),
        ("stats.yaml", "tensors:", "tensor:"),
    ],
)
def test_a_damaged_file_is_refused(folder, name, old, new):
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))

    with pytest.raises(FileError, match="stats must be as autosplit wrote them"):
        read_stats(folder)


def test_the_clip_of_a_weight_is_over_all_its_channels(folder):
    """At 8 bits the second channel reaches farther both ways: 128 of its steps and 127."""
    rows = {
        tuple(row[:3]): row
        for row in csv.reader((folder / "distortion.csv").read_text().splitlines())
    }

    low, high = rows["layer1.0.conv1", "weight", "8"][5:7]
    assert (float(low), float(high)) == (
        -128 * float(np.float32(3e38)),
        127 * float(np.float32(3e38)),
    )
    assert rows["x", "activation", "8"][5:7] == ["-1.5", str((255 - 96) / 64)]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"a|4|scale": np.float32([1, 2])}, r"a\|4: must be a grid, 'a\|4\|zero_point'"),
        (
            {"a|4|scale": np.float32([1]), "a|4|zero_point": np.int32([16])},
            r"a\|4: must be a grid, zero point: must be 0\.\.15 at 4 bits, got 16",
        ),
        (
            {"a|four|scale": np.float32([1]), "a|four|zero_point": np.int32([1])},
            r"a\|four: must be a grid, invalid literal",
        ),
    ],
)
def test_arrays_that_are_no_grid_are_named(folder, change, problem):
    path = folder / "weight_grids.safetensors"
    safetensors.numpy.save_file(safetensors.numpy.load_file(path) | change, path)

    with pytest.raises(FileError, match=problem):
        read_stats(folder)


def test_a_weight_without_its_grid_is_named(folder):
    path = folder / "weight_grids.safetensors"
    arrays = safetensors.numpy.load_file(path)
    kept = {name: array for name, array in arrays.items() if "|8|" not in name}
    safetensors.numpy.save_file(kept, path)

    with pytest.raises(FileError, match=r"layer1.0.conv1 at 8 bits: must have a grid"):
        read_stats(folder)
