"""SHA-256 of what a stage reads: equal for the same, another for everything that matters."""

from dataclasses import replace

import pytest

from autosplit import __version__
from autosplit.errors import StageError
from autosplit.hardware.link import Link
from autosplit.runs.hashes import (
    hash_data,
    hash_files,
    hash_measured,
    hash_model,
    hash_parent,
    hash_profile,
)
from autosplit.runs.options import StatsOptions


class TestHashes:
    def test_a_model_file_changes_with_its_content(self, tmp_path):
        options = StatsOptions(model=f"{tmp_path / 'net.py'}:net")
        (tmp_path / "net.py").write_text("a")
        first = hash_model(options)
        assert hash_model(options) == first

        (tmp_path / "net.py").write_text("b")
        assert hash_model(options) != first

    def test_a_saved_program_changes_with_its_content(self, tmp_path):
        options = StatsOptions(model=str(tmp_path / "net.pt2"))
        (tmp_path / "net.pt2").write_text("a")
        first = hash_model(options)

        (tmp_path / "net.pt2").write_text("b")
        assert hash_model(options) != first

    def test_a_checkpoint_changes_with_its_content(self, tmp_path):
        options = StatsOptions(checkpoint=str(tmp_path / "w.pt"))
        (tmp_path / "w.pt").write_text("a")
        first = hash_model(options)

        (tmp_path / "w.pt").write_text("b")
        assert hash_model(options) != first

    @pytest.mark.parametrize(
        "change", [{"model": "x"}, {"weights": "DEFAULT"}, {"input_size": 64}, {"seed": 1}]
    )
    def test_what_names_a_model_counts(self, change):
        assert hash_model(StatsOptions(**change)) != hash_model(StatsOptions())

    def test_what_names_no_model_does_not_count(self):
        other = StatsOptions(data="x", calibration_images=3, batch_size=2)

        assert hash_model(other) == hash_model(StatsOptions())

    def test_a_data_folder_changes_with_content_and_names(self, tmp_path):
        spec = f"imagefolder:{tmp_path}"
        (tmp_path / "cat").mkdir()
        (tmp_path / "cat" / "1.png").write_text("a")
        seen = [hash_data(spec, 0, 0)]
        (tmp_path / "cat" / "1.png").write_text("b")
        seen.append(hash_data(spec, 0, 0))
        (tmp_path / "cat" / "1.png").rename(tmp_path / "cat" / "2.png")
        seen.append(hash_data(spec, 0, 0))
        (tmp_path / "cat" / "3.png").write_text("b")
        seen.append(hash_data(spec, 0, 0))

        assert len(set(seen)) == 4
        assert hash_data(spec, 0, 0) == seen[-1]

    def test_a_data_file_changes_with_its_content(self, tmp_path):
        spec = f"{tmp_path / 'data.py'}:data"
        (tmp_path / "data.py").write_text("a")
        first = hash_data(spec, 0, 0)

        (tmp_path / "data.py").write_text("b")
        assert hash_data(spec, 0, 0) != first

    def test_the_number_and_choice_of_images_count(self):
        assert len({hash_data("demo", *n) for n in ((0, 0), (1, 0), (0, 1))}) == 3

    def test_a_profile_changes_with_its_numbers(self):
        link = Link(name="l", source="s", uplink_bps=1.0)

        assert hash_profile(link) == hash_profile(replace(link))
        assert hash_profile(link) != hash_profile(replace(link, uplink_bps=2.0))

    def test_files_that_are_missing_have_no_hash(self, tmp_path):
        (tmp_path / "a").write_bytes(b"abc")

        assert hash_files(tmp_path, ["a", "b"]) == {
            "a": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        }


class TestParent:
    def test_a_parent_is_its_network_as_it_was_measured(self, tiny):
        with_parent = StatsOptions(model="net.py:net", parent=str(tiny.run))
        alone = hash_measured(replace(with_parent, parent=None))
        found = hash_measured(with_parent)

        assert found == {**alone, "parent": hash_parent(str(tiny.run))}

        (tiny.run / "graph.json").write_text("{}")
        assert hash_measured(with_parent)["parent"] != found["parent"]

    def test_a_folder_without_a_network_is_no_parent(self, tmp_path):
        with pytest.raises(StageError, match="parent: must be a run folder with a measured netw"):
            hash_parent(str(tmp_path))


def test_the_version_is_part_of_what_a_model_is(monkeypatch):
    before = hash_model(StatsOptions()), hash_data("demo", 0, 0)
    monkeypatch.setattr("autosplit.runs.hashes.__version__", f"{__version__}.1")

    assert hash_model(StatsOptions()) != before[0]
    assert hash_data("demo", 0, 0) != before[1]
