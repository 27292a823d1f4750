"""The frame of all stages: what a stage that is stopped leaves."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from run_folders import files_of, step, table

from autosplit.errors import PlanError, StageError
from autosplit.evaluate import trials as scoring
from autosplit.files import sha256_of
from autosplit.progress import silent
from autosplit.runs.folder import plan_names
from autosplit.runs.options import CollectOptions
from autosplit.runs.stages import search
from autosplit.runs.stages.frame import Made, Outcome, Prepared, Stage
from autosplit.runs.stamps import Stamp, read_stamp


class TestFrame:
    """A stage that notes what is done of it, in which order."""

    @pytest.fixture
    def toy(self, tmp_path):
        done, read = [], {"graph.json": "aa"}

        def prepare(job):
            done.append(("prepare", job.options.max_drop, job.before is not None, job.force))
            return Prepared(read, work)

        def work():
            stamped = (tmp_path / "stages" / "toy.json").exists()
            done.append(("work", "stamped" if stamped else "not stamped"))
            return Made("done", write)

        def write():
            assert not (tmp_path / "stages" / "toy.json").exists()
            (tmp_path / "out.csv").write_text("1")
            return ["out.csv"]

        stage = Stage("toy", CollectOptions, (), prepare)
        return SimpleNamespace(stage=stage, done=done, read=read, folder=tmp_path)

    def test_options_that_are_kept_from_the_last_time_are_told(self, toy):
        told = []

        def progress(what, total):
            told.append(what)
            return silent(what, total)

        toy.stage.run(toy.folder, {"max_drop": 3}, progress=progress)
        toy.stage.run(toy.folder, {}, progress=progress)  # nothing new to do
        assert told == []

        toy.stage.run(toy.folder, {"link": "lte"}, progress=progress)
        toy.stage.run(toy.folder, {"link": None, "max_drop": 1}, progress=progress)
        assert told == ["toy: kept from last time: --max-drop 3"]

    def test_it_is_done_once_and_remembers_how(self, toy):
        assert toy.stage.run(toy.folder, {"max_drop": 3}) == Outcome("toy", False, "done")
        assert toy.done == [("prepare", 3.0, False, False), ("work", "not stamped")]
        wrote = {"out.csv": sha256_of("1")}
        expected = Stamp(
            {"max_drop": 3.0, "confidence": None, "link": None, "page": True},
            {"graph.json": "aa"},
            wrote,
        )
        assert read_stamp(toy.folder, "toy") == expected

        again = toy.stage.run(toy.folder, {})
        assert again == Outcome("toy", True, f"toy: nothing new to do in {toy.folder}")
        assert toy.done[2:] == [("prepare", 3.0, True, False)]

    @pytest.mark.parametrize("why", ["option", "input", "force", "output"])
    def test_it_is_done_again_for_a_reason(self, toy, why):
        """The old stamp stays until the new files are written."""
        toy.stage.run(toy.folder, {})
        if why == "input":
            toy.read["graph.json"] = "bb"
        if why == "output":
            (toy.folder / "out.csv").unlink()
        given = {"max_drop": 2.0} if why == "option" else {}

        assert not toy.stage.run(toy.folder, given, force=why == "force").done_before
        assert toy.done[-1] == ("work", "stamped")
        assert read_stamp(toy.folder, "toy").inputs == toy.read

    def test_a_stage_that_fails_leaves_the_last_one_as_it_was(self, toy):
        toy.stage.run(toy.folder, {})
        before = read_stamp(toy.folder, "toy")

        def fails():
            raise PlanError("no")

        failing = replace(toy.stage, prepare=lambda _: Prepared({}, fails))
        with pytest.raises(PlanError):
            failing.run(toy.folder, {})
        assert read_stamp(toy.folder, "toy") == before

    def test_what_it_needs_is_asked_for_first(self, toy):
        with pytest.raises(StageError, match="'autosplit toy' needs 'autosplit latency' to be"):
            replace(toy.stage, needs=("latency",)).run(toy.folder, {"max_drop": "x"})
        assert toy.done == []

    def test_a_stage_may_say_more_of_what_was_done_before(self, toy):
        telling = replace(toy.stage, done_text=lambda folder: f"see {folder.name}")
        telling.run(toy.folder, {})

        assert telling.run(toy.folder, {}).text == f"see {toy.folder.name}"


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
