"""What was measured: out to files and in again."""

from dataclasses import replace

import pytest

from autosplit.errors import FileError
from autosplit.grid.grid import Grid
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
        ("x", "activation", 8): Distortion(1e-5, 0.1 + 0.2, -1.5, 2.0),
        ("layer1.0.conv1", "activation", 1): Distortion(0.0, 0.0, 0.0, 0.0),
        ("layer1.0.conv1", "weight", 1): Distortion(1 / 3, 2 / 3, -0.5, 0.5),
    },
    {
        ("layer1.0.conv1", 1): Grid.of(1, (1 / 3, 1e-38), (1, 0)),
        ("layer1.0.conv1", 8): Grid.of(8, (0.1, 3e38), (255, 128)),
    },
)


class TestFiles:
    @pytest.fixture
    def folder(self, tmp_path):
        write_stats(tmp_path, STATS)
        return tmp_path

    def test_what_is_written_is_read_back(self, folder):
        found = read_stats(folder)

        assert (found.samples, found.tensors) == (7, STATS.tensors)
        assert found.distortions == STATS.distortions
        assert found.grids == STATS.grids

    def test_the_same_stats_give_the_same_bytes(self, folder, tmp_path):
        write_stats(tmp_path / "again", read_stats(folder))

        assert {path.name for path in (tmp_path / "again").iterdir()} == set(STATS_FILES)
        for name in STATS_FILES:
            assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()

    @pytest.mark.parametrize("name", STATS_FILES)
    def test_a_missing_file_is_named(self, folder, name):
        (folder / name).unlink()

        with pytest.raises(FileError, match=rf"{name}: must be a"):
            read_stats(folder)

    @pytest.mark.parametrize("name", STATS_FILES)
    def test_a_foreign_file_is_named(self, folder, name):
        (folder / name).write_text("foreign: 1\n")

        with pytest.raises(FileError, match=rf"{name}: "):
            read_stats(folder)

    @pytest.mark.parametrize(
        ("name", "old", "new"),
        [
            ("stats.yaml", "avg_max", "average"),
            ("distortion.csv", ",8,", ",eight,"),
            ("distortion.csv", ",1e-05,", ",,"),
        ],
    )
    def test_a_damaged_file_is_refused(self, folder, name, old, new):
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

        with pytest.raises(FileError, match="stats must be as autosplit wrote them"):
            read_stats(folder)
