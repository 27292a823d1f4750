"""The frame of all stages: what a stage that is stopped leaves."""

import pytest
from run_folders import files_of, step, table

from autosplit.errors import (
    StageError,
)
from autosplit.evaluate import trials as scoring
from autosplit.runs.folder import plan_names
from autosplit.runs.stages import search


class TestInterrupted:
    def test_what_is_measured_is_kept(self, tiny, monkeypatch):
        names = plan_names(tiny.run, "pareto")
        before = files_of(tiny.run)
        seen: list[str] = []

        def third_fails(program, file):
            seen.append(file.plan.name)
            if len(seen) == 3:
                raise KeyboardInterrupt
            return deploy(program, file)

        deploy = scoring.deploy
        monkeypatch.setattr(scoring, "deploy", third_fails)
        with pytest.raises(KeyboardInterrupt):
            step(tiny, "quantize", images=6)

        assert files_of(tiny.run)["scores.csv"] == before["scores.csv"]
        assert seen[0] == names[0]

        outcome = step(tiny, "quantize", images=6)

        assert seen[3] == seen[2]
        assert set(seen) <= set(names)
        assert outcome.text.startswith(f"quantize: {len(names)} plans, ")
        assert [row["name"] for row in table(tiny.run / "scores.csv")] == ["float", *names]

    def test_the_float_score_is_that_of_the_same_images(self, tiny, monkeypatch):
        """A run on other images that stops after the float network must not leave its score."""
        before = files_of(tiny.run)["scores.csv"]

        def fail(*_):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(scoring, "deploy", fail)
            with pytest.raises(KeyboardInterrupt):
                step(tiny, "quantize", images=6)
        (tiny.run / "scores.csv").unlink()
        step(tiny, "quantize")

        assert files_of(tiny.run)["scores.csv"] == before

    def test_a_search_that_stops_while_writing_is_not_done(self, tiny, monkeypatch):
        before = files_of(tiny.run)
        count = []

        def second_fails(*arguments):
            count.append(1)
            if len(count) == 2:
                raise KeyboardInterrupt
            write_plan(*arguments)

        write_plan = search.write_plan
        with monkeypatch.context() as patch:
            patch.setattr(search, "write_plan", second_fails)
            with pytest.raises(KeyboardInterrupt):
                step(tiny, "search", widths=(1, 8))

        with pytest.raises(StageError, match="needs 'autosplit search' to be done first"):
            step(tiny, "latency")
        step(tiny, "search", **{key: tiny.given[key] for key in ("edge", "links")})
        assert files_of(tiny.run) == before

    @pytest.mark.parametrize(
        ("stage", "writer"),
        [("stats", "write_stats"), ("latency", "write_csv"), ("collect", "write_yaml")],
    )
    def test_a_stage_that_stops_while_writing_is_done_again(self, tiny, monkeypatch, stage, writer):
        def fail(*_):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(f"autosplit.runs.stages.{stage}.{writer}", fail)
            with pytest.raises(KeyboardInterrupt):
                step(tiny, stage, force=True)

        assert not (tiny.run / "stages" / f"{stage}.json").exists()
