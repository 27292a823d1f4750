"""Stages that must be done before another one."""

import shutil
from pathlib import Path

import pytest
from tiny import EDGE

from autosplit.errors import StageError
from autosplit.runs.hashes import hash_files
from autosplit.runs.needs import require
from autosplit.runs.stages.stats import STATS
from autosplit.runs.stamps import Stamp, write_stamp


class TestRequire:
    def test_a_stage_before_the_one_it_needs_is_told_what_to_run(self, tmp_path):
        with pytest.raises(StageError) as caught:
            require(tmp_path, "stats", "search")

        assert str(caught.value) == (
            f"{tmp_path}: 'autosplit search' needs 'autosplit stats' to be done first in this run "
            f"folder, run: autosplit stats --run {tmp_path}"
        )

    def test_a_stage_that_read_another_file_is_told_to_be_done_again(self, tmp_path):
        (tmp_path / "graph.json").write_text("1")
        stamp = Stamp({}, {"edge": "xx", **hash_files(tmp_path, ["graph.json"])}, {})
        write_stamp(tmp_path, "latency", stamp)
        assert require(tmp_path, "latency", "collect") == stamp

        (tmp_path / "graph.json").write_text("2")
        with pytest.raises(StageError, match=r"'autosplit latency' to be done again, graph\.json"):
            require(tmp_path, "latency", "collect")

    @pytest.mark.parametrize("text", ["x", None])
    def test_a_parent_that_changed_or_is_gone_is_no_matter(self, tiny, text):
        """Its network was the origin of this one, and is not read again."""
        shutil.copytree(tiny.run, "parent")
        STATS.run(tiny.run, {"parent": "parent"})
        if text is None:
            shutil.rmtree("parent")
        else:
            Path("parent/graph.json").write_text(text)

        assert require(tiny.run, "stats", "search").options["parent"] == "parent"

    def test_a_profile_that_changed_makes_the_search_due(self, tiny):
        (tiny.place / "toy.yaml").write_text(EDGE.replace("100000", "100001"))

        with pytest.raises(StageError, match="'autosplit search' to be done again, edge has chang"):
            require(tiny.run, "search", "latency")
