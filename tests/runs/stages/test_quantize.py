"""The stage ``quantize``: plans finished, run and measured, or taken as they were finished."""

import shutil
from dataclasses import replace

import pytest
import torch
import yaml
from run_folders import edit_plan, edit_text, files_in, files_of, rerun, step, table
from torch import nn

from autosplit.errors import (
    DataError,
    FileError,
    InfeasibleError,
    PlanError,
    StageError,
)
from autosplit.evaluate import ledger as ledgers
from autosplit.evaluate.outputs import float_outputs, plan_outputs
from autosplit.evaluate.scorefile import read_scores
from autosplit.evaluate.tasks.classification import ClassRecord, read_classes
from autosplit.files import read_yaml
from autosplit.finish import finish as finishing
from autosplit.grid.grid import Grid
from autosplit.halves.deployed import deploy
from autosplit.plan.planfile import read_plan
from autosplit.runs import scoring as runs_scoring
from autosplit.runs.finished import Quantized
from autosplit.runs.finishing import finishing_of
from autosplit.runs.folder import plan_names, read_graph
from autosplit.runs.options import USUAL_METHODS, QuantizeOptions, StatsOptions, plain
from autosplit.runs.stages import quantize
from autosplit.runs.stages import run as stages
from autosplit.runs.stamps import Stamp, read_stamp, resolve


class TestChoosing:
    def fresh(self, tiny):
        shutil.rmtree(tiny.run / "stages" / "scores")
        (tiny.run / "scores.csv").unlink()

    def test_only_what_it_takes_is_run_and_the_pick_is_as_fast(self, tiny):
        pick = yaml.safe_load((tiny.run / "pick.yaml").read_text())["picks"]
        self.fresh(tiny)

        assert rerun(tiny, max_drop=1.0) == ["quantize", "collect"]

        found = yaml.safe_load((tiny.run / "pick.yaml").read_text())["picks"]
        assert {link: row["latency_s"] for link, row in found.items()} == {
            link: row["latency_s"] for link, row in pick.items()
        }
        names = [row["name"] for row in table(tiny.run / "scores.csv")]
        assert len(names) - 1 < len(plan_names(tiny.run, "pareto"))

    def test_too_few_images_for_a_confidence_say_how_many_it_takes(self, tiny):
        self.fresh(tiny)
        with pytest.raises(InfeasibleError, match="confidence: with 12 samples") as caught:
            rerun(tiny, max_drop=1.0, confidence=0.9)
        assert "plans accounted for" in str(caught.value)
        rows = table(tiny.run / "scores.csv")
        assert len(rows) == 1 + len(plan_names(tiny.run, "pareto"))  # none was good enough

    def test_asking_for_plans_measures_them_all_again(self, tiny):
        self.fresh(tiny)
        step(tiny, "quantize", max_drop=1.0)
        names = plan_names(tiny.run, "pareto")

        outcome = step(tiny, "quantize", plans="pareto")

        assert outcome.text.startswith(f"quantize: {len(names)} plans, ")
        rows = table(tiny.run / "scores.csv")
        assert {row["name"] for row in rows} == {"float", *names}
        assert {row["images"] for row in rows} == {"12"}

    def test_what_was_measured_before_stays_in_the_table(self, tiny):
        before = (tiny.run / "scores.csv").read_bytes()
        outcome = step(tiny, "quantize", max_drop=1.0)

        assert (tiny.run / "scores.csv").read_bytes() == before
        assert "quantize: 0 of " in outcome.text
        assert " 0 samples of " in outcome.text

    def test_nothing_within_the_limit(self, tiny):
        self.fresh(tiny)
        step(tiny, "quantize", max_drop=-200.0)
        with pytest.raises(InfeasibleError, match=r"max-drop: .* -200 points; .*allow more"):
            step(tiny, "collect", max_drop=-200.0)


@pytest.mark.filterwarnings("ignore:.* was edited by hand")
class TestEditedPlans:
    def test_a_width_out_of_range_stops_quantize_before_anything_is_written(self, tiny):
        path = edit_plan(tiny, "uniform8", lambda data: data["weights"]["0"].update(bits=33))
        before = files_of(tiny.run)

        with pytest.raises(PlanError) as caught:
            step(tiny, "quantize")

        expected = "weights: 0: bits must be a whole number, 1 to 8, got 33"
        assert str(caught.value) == f"{path.relative_to(tiny.place)}: {expected}".replace(
            "run/", f"{tiny.run}/"
        )
        assert files_of(tiny.run) == before

    def test_a_broken_plan_that_is_not_asked_for_is_no_matter(self, tiny):
        edit_plan(tiny, "uniform8", lambda data: data["weights"]["0"].update(bits=33))
        step(tiny, "quantize", plans="uniform4")

        assert {row["name"] for row in table(tiny.run / "scores.csv")} == {"float", "uniform4"}
        assert not (tiny.run / "quantized" / "uniform8.yaml").exists()

    def test_a_valid_width_is_respected_and_measured_again(self, tiny):
        """At 1 bit instead of 8 the first activation is all but lost."""

        def change(data):
            data["activations"]["0"] = {"bits": 1, "scale": [100.0], "zero_point": [0]}

        path = edit_plan(tiny, "uniform8", change)
        text = path.read_text()
        before = {row["name"]: row for row in table(tiny.run / "scores.csv")}
        memory = {row["name"]: row for row in table(tiny.run / "summary_full.csv")}["uniform8"]

        outcome = step(tiny, "quantize")

        assert outcome.text.endswith(" plans, 1 of them measured now")
        after = {row["name"]: row for row in table(tiny.run / "scores.csv")}
        assert float(after["uniform8"]["agreement"]) < float(before["uniform8"]["agreement"])
        assert {n for n in after if after[n] != before[n]} == {"uniform8"}
        with pytest.raises(
            StageError, match=r"'autosplit latency'.* plans/uniform8\.yaml has chang"
        ):
            step(tiny, "collect")
        step(tiny, "latency")
        step(tiny, "collect")
        row = {row["name"]: row for row in table(tiny.run / "summary_full.csv")}["uniform8"]
        # live at most: the first two tensors of 256 and 96 elements, then 64 and 256
        assert int(memory["edge_memory_bytes"]) - int(row["edge_memory_bytes"]) == 352 - (32 + 96)
        assert path.read_text() == text

    def test_a_plan_edited_after_quantize_is_not_collected(self, tiny):
        edit_plan(tiny, "uniform8", lambda data: data.update(distortion=0.5))
        step(tiny, "latency")

        with pytest.raises(
            StageError, match=r"'autosplit quantize'.* plans/uniform8\.yaml has chan"
        ):
            step(tiny, "collect")


class TestFixedBatch:
    @pytest.fixture
    def fixed(self, tiny):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 5))
        program = torch.export.export(net.eval(), (torch.zeros(4, 1, 8, 8),))
        torch.export.save(program, tiny.place / "four.pt2")
        tiny.run = tiny.place / "four"
        tiny.given |= {"model": "four.pt2"}
        return tiny

    def test_it_gets_whole_batches_only(self, fixed):
        rerun(fixed, calibration_images=7, images=11)

        assert yaml.safe_load((fixed.run / "stats.yaml").read_text())["samples"] == 4
        assert {row["images"] for row in table(fixed.run / "scores.csv")} == {"8"}

    def test_too_few_images_for_one_batch_are_refused(self, fixed):
        with pytest.raises(DataError, match=r"must have at least 4 samples, .* got 3"):
            rerun(fixed, calibration_images=3)


class TestFinishedPlans:
    def test_a_finished_plan_gives_its_score_again_from_its_files_alone(self, finished, tiny):
        """Copied elsewhere, the YAML and what it names are all that an evaluation needs."""
        place = tiny.place / "elsewhere"
        place.mkdir()
        for path in (tiny.run / "quantized").glob("uniform4.*"):
            (place / path.name).write_bytes(path.read_bytes())
        graph = read_graph(tiny.run)
        file = read_plan(place / "uniform4.yaml", graph)
        measured = resolve({}, read_stamp(tiny.run, "stats"), StatsOptions())
        ledger = ledgers.Ledger(place, {})
        kept = Quantized(place, graph)
        trials = runs_scoring.trials_of(
            runs_scoring.Scoring(tiny.run, measured, QuantizeOptions(), {}, ledger, kept, None)
        )
        program = trials.program

        deployed = deploy(program, file)
        whole, plan = ClassRecord(), ClassRecord()
        for group in trials.looks.after(0):
            for images, labels in group:
                count = len(images)
                whole.add(read_classes(float_outputs(program, images), labels, count))
                plan.add(read_classes(plan_outputs(deployed, images), labels, count))
        score = plan.plan_row(file.plan, whole)
        row = read_scores(tiny.run / "scores.csv")[1]["uniform4"]

        assert set(file.codes) == set(file.weights)
        assert set(file.biases) == set(file.weights)
        assert float(row["agreement"]) == score["agreement"]
        assert float(row["drop"]) == score["drop"]

    def test_integers_of_another_plan_are_refused(self, tiny):
        place = tiny.place / "swapped"
        place.mkdir()
        for name, source in (
            ("uniform4.yaml", "uniform4.yaml"),
            ("uniform4.safetensors", "uniform2.safetensors"),
        ):
            (place / name).write_bytes((tiny.run / "quantized" / source).read_bytes())

        with pytest.raises(FileError, match=r"must have the SHA-256 .* uniform4\.yaml names"):
            read_plan(place / "uniform4.yaml", read_graph(tiny.run))

    def test_missing_integers_are_named(self, tiny):
        place = tiny.place / "missing"
        place.mkdir()
        text = (tiny.run / "quantized" / "uniform4.yaml").read_bytes()
        (place / "uniform4.yaml").write_bytes(text)

        with pytest.raises(FileError, match=r"missing/uniform4\.safetensors: must be a readable"):
            read_plan(place / "uniform4.yaml", read_graph(tiny.run))

    def test_they_are_of_the_plans_asked_for_last(self, tiny):
        """Asked for one rule, another and the first again, files and scores are the first's."""
        before = files_of(tiny.run / "quantized")
        scores = (tiny.run / "scores.csv").read_bytes()
        asked = {"methods": ("uniform4", "uniform2", "cloud16"), "clipping": "mse"}
        rerun(tiny, **asked)
        wanted = {name: before[name] for name in before if name[:8] in ("uniform2", "uniform4")}
        first = files_of(tiny.run / "quantized")
        assert first.keys() >= wanted.keys()

        rerun(tiny, **asked | {"clipping": "minmax"})
        other = files_of(tiny.run / "quantized")
        assert other.keys() == first.keys()
        assert all(other[name] != first[name] for name in wanted)
        outcomes = {o.stage: o for o in stages.run(tiny.run, {**tiny.given, **asked})}

        assert outcomes["quantize"].text == "quantize: 3 plans, 0 of them measured now"
        assert files_of(tiny.run / "quantized") == first
        rerun(tiny, methods=USUAL_METHODS)
        assert files_of(tiny.run / "quantized") == before
        assert (tiny.run / "scores.csv").read_bytes() == scores

    def test_a_search_for_picks_brings_them_back_too(self, tiny):
        before = files_of(tiny.run)
        rerun(tiny, clipping="minmax", max_drop=1.0)
        rerun(tiny, clipping="mse", max_drop=1.0)

        assert files_of(tiny.run / "quantized") == files_in(before, "quantized")

    def test_those_of_plans_that_are_gone_go_too(self, tiny):
        step(tiny, "search", methods=("uniform8", "cloud16"))
        step(tiny, "quantize")

        assert {p.stem for p in (tiny.run / "quantized").iterdir()} == {"uniform8", "cloud16"}

    def test_those_of_plans_that_are_not_asked_for_stay(self, tiny):
        before = files_of(tiny.run / "quantized")
        step(tiny, "quantize", plans="uniform8")

        assert files_of(tiny.run / "quantized") == before

    def test_an_edited_one_is_made_again(self, tiny):
        before = files_of(tiny.run / "quantized")
        edit_text(tiny.run / "quantized" / "uniform8.yaml", "bits: 8", "bits: 7")
        (tiny.run / "scores.csv").unlink()
        step(tiny, "quantize")

        assert files_of(tiny.run / "quantized") == before

    def test_what_is_finished_is_not_finished_again(self, tiny, monkeypatch):
        """On more images the same plans are run; with nothing to run no network is loaded."""
        step(tiny, "quantize", images=6)

        def fail(*_):
            raise AssertionError

        monkeypatch.setattr(finishing, "finish", fail)
        count = len(plan_names(tiny.run, "pareto"))
        text = step(tiny, "quantize", images=5).text
        assert text == f"quantize: {count} plans, {count} of them measured now"
        monkeypatch.setattr(runs_scoring, "trials_of", fail)
        (tiny.run / "scores.csv").unlink()
        assert step(tiny, "quantize").text.endswith(" plans, 0 of them measured now")

    def test_clips_that_are_moved_together_are_moved_though_the_grids_stay(self, tiny, monkeypatch):
        """The rules ``norm`` and ``lapq`` have the same grids; the second moves them at the end."""

        def double(_, file, *__):
            longer = {
                name: replace(grid, scale=2 * grid.scale) if isinstance(grid, Grid) else grid
                for name, grid in file.activations.items()
            }
            return replace(file, activations=longer)

        def first_step(kind):
            return read_yaml(tiny.run / kind / "uniform2.yaml", "plan")["activations"]["0"]["scale"]

        monkeypatch.setattr(finishing, "clip_jointly", double)
        rerun(tiny, clipping="norm")
        before = files_of(tiny.run / "plans")

        assert "quantize" in rerun(tiny, clipping="lapq")
        assert files_of(tiny.run / "plans") == before
        assert first_step("quantized") == [2 * step for step in first_step("plans")]

    @pytest.mark.parametrize(
        ("asked", "measured", "same"),
        [
            ({"rounding": "moment", "bias": "on"}, {}, True),  # as effort good has it
            ({"jobs": 2}, {}, True),
            ({"effort": "fast"}, {}, False),
            ({}, {"clipping": "lapq"}, False),
            ({}, {"clipping": "minmax"}, True),
            ({}, {"batch_size": 2}, False),
        ],
    )
    def test_what_finishing_follows_from_is_all_that_counts(self, asked, measured, same):
        def found(options, stats, images="ab12"):
            stamp = Stamp(plain(stats), {"data": images}, {})
            return quantize.hash_finishing(finishing_of(options, stats.clipping), stamp)

        usual = found(QuantizeOptions(), StatsOptions())

        assert (found(QuantizeOptions(**asked), StatsOptions(**measured)) == usual) is same
        assert found(QuantizeOptions(), StatsOptions(), "cd34") != usual


class TestFinishedAlone:
    @pytest.fixture
    def copied(self, tiny, monkeypatch):
        """A run folder on another machine, without a record of any answer; nothing is finished."""
        place = tiny.place / "elsewhere"
        shutil.copytree(tiny.run, place)
        for name in ("scores", "quantize.json"):
            path = place / "stages" / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        (place / "scores.csv").unlink()

        def fail(*_):
            raise AssertionError

        monkeypatch.setattr(finishing, "finish", fail)
        tiny.scores = (tiny.run / "scores.csv").read_bytes()
        tiny.run = place
        return tiny

    def test_the_numbers_are_the_same_and_no_plan_is_touched(self, copied):
        plans = files_of(copied.run / "quantized")
        count = len(plan_names(copied.run, "pareto"))
        outcome = step(copied, "quantize", finished=True)

        assert outcome.text == f"quantize: {count} plans, {count} of them measured now"
        assert (copied.run / "scores.csv").read_bytes() == copied.scores
        assert files_of(copied.run / "quantized") == plans
        assert step(copied, "quantize", finished=True).done_before
        step(copied, "collect")

    def test_another_effort_is_no_matter(self, copied):
        step(copied, "quantize", finished=True, effort="best")

        assert (copied.run / "scores.csv").read_bytes() == copied.scores

    def test_force_measures_them_again(self, copied):
        step(copied, "quantize", finished=True)
        outcome = step(copied, "quantize", finished=True, force=True)

        assert outcome.text.startswith("quantize: ")
        assert " 0 measured" not in outcome.text
        assert (copied.run / "scores.csv").read_bytes() == copied.scores

    def test_it_is_not_remembered(self, copied):
        step(copied, "quantize", finished=True)
        step(copied, "quantize")

        assert read_stamp(copied.run, "quantize").options["finished"] is False

    def test_those_that_are_not_finished_are_left_out_unless_named(self, copied):
        for path in (copied.run / "quantized").glob("uniform4.*"):
            path.unlink()
        step(copied, "quantize", finished=True)

        names = {row["name"] for row in table(copied.run / "scores.csv")}
        assert names == {"float", *plan_names(copied.run, "pareto")} - {"uniform4"}
        with pytest.raises(StageError, match=r"uniform4\.yaml: must be what plans/uniform4\."):
            step(copied, "quantize", finished=True, plans="uniform8,uniform4")

    def test_one_that_was_edited_is_refused(self, copied):
        edit_text(copied.run / "quantized" / "uniform8.yaml", "bits: 8", "bits: 7")

        with pytest.raises(StageError, match=r"uniform8\.yaml: must be what plans/uniform8\."):
            step(copied, "quantize", finished=True)

    def test_none_at_all_is_refused(self, copied):
        shutil.rmtree(copied.run / "quantized")

        with pytest.raises(StageError, match="quantized: must hold finished plans, has none of"):
            step(copied, "quantize", finished=True)
