"""The five stages on a tiny network: the same files each way, nothing twice or half-written."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from autosplit.data import datasets as data
from autosplit.errors import (
    AutoSplitError,
    DataError,
    FileError,
    InfeasibleError,
    LatencyError,
    ModelError,
    PlanError,
    ProfileError,
    StageError,
)
from autosplit.evaluate import trials as scoring
from autosplit.evaluate.evaluate import evaluate, measure_float
from autosplit.evaluate.task import read_scores
from autosplit.files import read_yaml
from autosplit.finish import finish as finishing
from autosplit.grid.grid import Grid
from autosplit.plan.planfile import read_plan
from autosplit.runs import plans
from autosplit.runs import scoring as runs_scoring
from autosplit.runs.finished import Quantized
from autosplit.runs.finishing import finishing_of
from autosplit.runs.folder import default_folder, plan_names, read_graph, read_plans
from autosplit.runs.network import load_network
from autosplit.runs.options import QuantizeOptions, StatsOptions, plain
from autosplit.runs.stages import quantize, search
from autosplit.runs.stages import run as stages
from autosplit.runs.stamps import Stamp, read_stamp, resolve, write_stamp

NAMES = ("stats", "search", "latency", "quantize", "collect")


def files_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def files_in(files, folder):
    return {n.removeprefix(f"{folder}/"): b for n, b in files.items() if n.startswith(f"{folder}/")}


def rerun(tiny, **change):
    """Run all stages again; gives the names of those that had something to do."""
    outcomes = stages.run(tiny.run, {**tiny.given, **change})
    return [outcome.stage for outcome in outcomes if not outcome.done_before]


def step(tiny, stage, force=False, **given):
    return stages.STAGES[stage].run(tiny.run, given, force=force)


def weights(path):
    return read_yaml(path, "plan")["weights"].values()


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def edit_plan(tiny, name, change):
    path = tiny.run / "plans" / f"{name}.yaml"
    data = yaml.safe_load(path.read_text())
    schema = data.pop("schema")
    change(data)
    path.write_text(f"schema: {schema}\n{yaml.safe_dump(data)}")
    return path


def edit_text(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


class TestRun:
    def test_it_does_all_five_stages_and_says_what_each_did(self, finished):
        assert [outcome.stage for outcome in finished.outcomes] == list(NAMES)
        assert not any(outcome.done_before for outcome in finished.outcomes)
        stats, search, latency, quantize, collect = (o.text for o in finished.outcomes)
        # 64 x 9 x 4, then 16 x 36 x 6, then 96 x 5
        assert stats.startswith("stats: 3 layers, 6,240 multiply-accumulates, measured on 8 images")
        assert search.endswith(" baselines")
        assert "on toy and tpu_v1 over 1mbps, 20kbps" in latency
        assert quantize.endswith(" measured anew")
        assert collect.startswith("Over 1mbps, ")

    def test_it_writes_what_the_design_says(self, tiny):
        plans = {f"plans/{name}.yaml" for name in plan_names(tiny.run)}
        files = read_plans(tiny.run, read_graph(tiny.run), plan_names(tiny.run, "pareto"))
        scores = {f"stages/scores/{file.half_sha256[:16]}.json" for file in files.values()}

        finished = {f"quantized/{name}.yaml" for name in plan_names(tiny.run, "pareto")}
        beside = {
            f"quantized/{name}.safetensors"
            for name in plan_names(tiny.run, "pareto")
            if any(w["scale"] for w in weights(tiny.run / f"plans/{name}.yaml"))
        }

        assert set(files_of(tiny.run)) == plans | scores | finished | beside | {
            *(f"stages/{name}.json" for name in (*NAMES, "pick")),
            "stages/scores/float.json",
            *("graph.json", "layers.csv", "stats.yaml", "distortion.csv"),
            *("weight_grids.safetensors", "plans.csv", "latency.csv", "layer_latency.csv"),
            *("scores.csv", "summary.csv", "pareto.png", "pick.yaml"),
        }

    def test_stage_by_stage_gives_the_same_bytes(self, tiny):
        steps = tiny.place / "steps"
        given = {
            "stats": {"model": "net.py:net", "data": "data.py:data"},
            "search": {"edge": "toy.yaml", "links": ("1mbps", "20kbps")},
            "latency": {},
            "quantize": {},
            "collect": {},
        }
        for name, stage in stages.STAGES.items():
            stage.run(steps, given[name])

        assert files_of(steps) == files_of(tiny.run)

    def test_a_second_time_nothing_is_new(self, tiny):
        before = files_of(tiny.run)
        outcomes = list(stages.run(tiny.run, tiny.given))

        assert [outcome.done_before for outcome in outcomes] == [True] * 5
        for outcome in outcomes[:4]:
            assert outcome.text == f"{outcome.stage}: nothing new to do in {tiny.run}"
        assert outcomes[4].text.startswith("Over 1mbps, ")
        assert files_of(tiny.run) == before

    def test_options_are_remembered(self, tiny):
        assert not any(not o.done_before for o in stages.run(tiny.run, {}))

    def test_force_redoes_everything_and_gives_the_same_bytes(self, tiny):
        before = files_of(tiny.run)
        outcomes = list(stages.run(tiny.run, {}, force=True))

        assert not any(outcome.done_before for outcome in outcomes)
        measured = len(plan_names(tiny.run, "pareto"))
        assert outcomes[3].text == f"quantize: {measured} plans, {measured} measured anew"
        assert files_of(tiny.run) == before

    def test_a_missing_file_is_made_again(self, tiny):
        before = files_of(tiny.run)
        (tiny.run / "pareto.png").unlink()
        (tiny.run / "latency.csv").unlink()

        assert rerun(tiny) == ["latency", "collect"]
        assert files_of(tiny.run) == before

    @pytest.mark.parametrize(
        ("given", "before", "counted"),
        [
            ({}, None, None),
            ({"effort": "fast"}, None, "nearest"),
            ({"effort": "none"}, None, "nearest"),
            ({"effort": "good"}, None, "auto"),
            ({"effort": "best"}, {"rounding": "nearest"}, "nearest"),
            ({"effort": "fast", "rounding": "moment"}, None, "auto"),
            ({"rounding": "nearest"}, None, "nearest"),
            ({"rounding": "auto"}, {"effort": "fast"}, "nearest"),
            ({"bias": "off"}, {"effort": "fast"}, None),
        ],
    )
    def test_distortion_is_counted_as_plans_are_finished(self, tmp_path, given, before, counted):
        """Efforts none and fast round to the nearest; not told, it stays as it was."""
        if before is not None:
            write_stamp(tmp_path, "quantize", Stamp(before, {}, ()))

        assert stages._rounding_counted(tmp_path, given) == counted

    def test_a_run_of_another_effort_measures_anew_and_remembers_it(self, tiny):
        assert rerun(tiny, effort="fast")[:2] == ["stats", "search"]
        assert read_stamp(tiny.run, "stats").options["rounding"] == "nearest"
        assert rerun(tiny) == []
        assert rerun(tiny, effort="good")[0] == "stats"
        assert read_stamp(tiny.run, "stats").options["rounding"] == "auto"

    def test_an_unknown_option_is_refused(self, tiny):
        with pytest.raises(StageError, match="unknown option 'max_dorp', did you mean 'max_drop'"):
            list(stages.run(tiny.run, {"max_dorp": 1.0}))

    def test_jobs_change_no_byte(self, tiny):
        before = files_of(tiny.run)
        step(tiny, "quantize", force=True, jobs=2)
        after = files_of(tiny.run)

        assert {name for name in before if before[name] != after[name]} == {"stages/quantize.json"}

    def test_progress_adds_up(self, tiny):
        told = []

        class Bar:
            def __init__(self, what, total):
                self.line = [what, total, 0]
                told.append(self.line)

            def __enter__(self):
                return self.advance

            def __exit__(self, *_):
                pass

            def advance(self, count):
                self.line[2] += count

        list(stages.run(tiny.run, {}, force=True, progress=Bar))

        assert [what.split(":")[0] for what, _, _ in told] == [
            "stats",
            "search",
            "search",
            "latency",
            "quantize",
            "collect",
        ]
        assert all(total == done for _, total, done in told)


class TestChangesAreNoticed:
    def test_a_network_file(self, tiny):
        edit_text(tiny.place / "net.py", "nn.ReLU(),\n        nn.Flatten", "nn.Flatten")

        assert rerun(tiny, max_drop=100.0) == list(NAMES)

    def test_a_network_file_by_quantize_alone(self, tiny):
        edit_text(tiny.place / "net.py", "nn.ReLU", "nn.SiLU")

        with pytest.raises(StageError, match="model has changed since"):
            step(tiny, "quantize")

    def test_a_data_file(self, tiny):
        edit_text(tiny.place / "data.py", "manual_seed(3)", "manual_seed(4)")

        assert rerun(tiny) == list(NAMES)

    def test_labels_alone(self, tiny):
        """The statistics are of the same images, so nothing is searched again."""
        edit_text(tiny.place / "data.py", "% 5", "% 4")

        assert rerun(tiny) == ["stats", "quantize", "collect"]

    def test_a_profile(self, tiny):
        edit_text(tiny.place / "toy.yaml", "1.0e+6\npeak", "2.0e+6\npeak")
        done = rerun(tiny)

        assert done[:2] == ["search", "latency"]
        assert "stats" not in done

    def test_a_memory_limit_that_only_the_paragraph_shows(self, tiny):
        """The plans stay the same, what is said of them does not."""
        rerun(tiny, memory_bytes=90_000)

        (last,) = [o for o in stages.run(tiny.run, {}) if o.stage == "collect"]
        assert "bytes of 90,000 allowed" in last.text

    def test_more_images(self, tiny):
        assert rerun(tiny, images=6) == ["quantize", "collect"]
        assert {row["images"] for row in table(tiny.run / "scores.csv")} == {"6"}

    def test_another_batch_size(self, tiny):
        """Random signs are drawn batch by batch."""
        before = (tiny.run / "distortion.csv").read_bytes()

        assert rerun(tiny, batch_size=1)[:2] == ["stats", "search"]
        assert (tiny.run / "distortion.csv").read_bytes() != before

    def test_a_limit_of_accuracy_needs_no_measuring(self, tiny):
        assert rerun(tiny, max_drop=99.0) == ["quantize", "collect"]

    def test_a_measurement_that_changes_makes_the_search_due(self, tiny):
        step(tiny, "stats", calibration_images=4)

        for stage in ("latency", "quantize", "collect"):
            with pytest.raises(StageError, match="'autosplit search' to be done again"):
                step(tiny, stage)

    def test_a_search_that_changes_makes_what_follows_due(self, tiny):
        step(tiny, "search", widths=(2, 8), methods=("uniform8", "cloud16"))

        with pytest.raises(StageError, match="'autosplit latency' to be done again"):
            step(tiny, "collect")
        step(tiny, "latency")
        with pytest.raises(StageError, match="'autosplit quantize' to be done again"):
            step(tiny, "collect")
        step(tiny, "quantize")
        step(tiny, "collect")

        assert {row["name"] for row in table(tiny.run / "summary.csv")} == {"uniform8", "cloud16"}
        assert {p.stem for p in (tiny.run / "plans").iterdir()} == {"uniform8", "cloud16"}


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
        assert " 0 images of " in outcome.text

    def test_nothing_within_the_limit(self, tiny):
        self.fresh(tiny)
        step(tiny, "quantize", max_drop=-200.0)
        with pytest.raises(InfeasibleError, match=r"max-drop: .* -200 points, .*allow more"):
            step(tiny, "collect", max_drop=-200.0)


class TestCuts:
    def test_answers_over_any_cut_say_which_were_looked_at(self, tiny):
        """Three layers in a chain have four cuts: all-cloud, two in between, all-edge."""
        outcome = step(tiny, "search", cuts="useful", max_distortion=1e3)

        assert outcome.text.endswith(" baselines; answers over all 4 cuts there are")
        assert {"limit-1mbps", "limit-20kbps"} <= set(plan_names(tiny.run))


class TestOrder:
    @pytest.mark.parametrize(
        ("stage", "needs"),
        [("search", "stats"), ("latency", "search"), ("quantize", "search"), ("collect", "search")],
    )
    def test_a_stage_before_the_one_it_needs(self, tmp_path, stage, needs):
        folder = tmp_path / "new"
        with pytest.raises(StageError) as caught:
            stages.STAGES[stage].run(folder, {})

        assert str(caught.value) == (
            f"{folder}: 'autosplit {stage}' needs 'autosplit {needs}' to be done first in this run "
            f"folder, run: autosplit {needs} --out {folder}"
        )
        assert not folder.exists()

    def test_a_run_folder_of_another_model(self, tiny):
        before = files_of(tiny.run)
        with pytest.raises(StageError) as caught:
            rerun(tiny, model="fashion-resnet")

        assert str(caught.value) == (
            f"{tiny.run}: is a run folder of net.py:net, asked for fashion-resnet; choose another "
            "one with --out, or redo this one with --force"
        )
        assert files_of(tiny.run) == before

    def test_force_takes_over_a_run_folder_with_fresh_options(self, tiny):
        step(tiny, "stats", seed=3)
        (tiny.place / "other.py").write_text((tiny.place / "net.py").read_text())
        step(tiny, "stats", force=True, model="other.py:net", data="data.py:data")

        stamp = json.loads((tiny.run / "stages" / "stats.json").read_text())
        assert (stamp["options"]["model"], stamp["options"]["seed"]) == ("other.py:net", 0)


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
        memory = {row["name"]: row for row in table(tiny.run / "summary.csv")}["uniform8"]

        outcome = step(tiny, "quantize")

        assert outcome.text.endswith(" plans, 1 measured anew")
        after = {row["name"]: row for row in table(tiny.run / "scores.csv")}
        assert float(after["uniform8"]["agreement"]) < float(before["uniform8"]["agreement"])
        assert {n for n in after if after[n] != before[n]} == {"uniform8"}
        with pytest.raises(
            StageError, match=r"'autosplit latency'.* plans/uniform8\.yaml has chang"
        ):
            step(tiny, "collect")
        step(tiny, "latency")
        step(tiny, "collect")
        row = {row["name"]: row for row in table(tiny.run / "summary.csv")}["uniform8"]
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


class TestLatency:
    def test_the_search_and_the_latency_stage_agree(self, tiny):
        keys = ("edge_s", "transfer_s", "cloud_s", "latency_s")
        searched = {
            (row["name"], row["link"]): [row[key] for key in keys]
            for row in table(tiny.run / "plans.csv")
        }
        timed = {
            (row["name"], row["link"]): [row[key] for key in keys]
            for row in table(tiny.run / "latency.csv")
        }

        assert timed == searched

    def test_layers_add_up_to_their_side(self, tiny):
        layers = table(tiny.run / "layer_latency.csv")
        for plan in table(tiny.run / "latency.csv"):
            for side in ("edge", "cloud"):
                seconds = [
                    float(row["seconds"])
                    for row in layers
                    if (row["name"], row["side"]) == (plan["name"], side)
                ]
                assert sum(seconds) == pytest.approx(float(plan[f"{side}_s"]), abs=1e-15)

    def test_it_can_be_asked_for_other_hardware_and_run_goes_back(self, tiny):
        before = files_of(tiny.run)
        step(tiny, "latency", edge="jetson_nano", links=("lte",))
        rows = table(tiny.run / "latency.csv")
        assert {(row["edge"], row["cloud"], row["link"]) for row in rows} == {
            ("jetson_nano", "tpu_v1", "lte")
        }
        step(tiny, "collect")
        assert {row["link"] for row in table(tiny.run / "summary.csv")} == {"lte"}

        assert rerun(tiny) == ["latency", "collect"]
        assert files_of(tiny.run) == before


class TestCollect:
    def test_the_pick_is_the_fastest_allowed_row_of_the_table(self, tiny):
        step(tiny, "collect", max_drop=10.0)
        rows = table(tiny.run / "summary.csv")
        data = yaml.safe_load((tiny.run / "pick.yaml").read_text())

        assert (data["headline"], data["max_drop"]) == ("1mbps", 10.0)
        assert set(data["picks"]) == {"1mbps", "20kbps"}
        for link, entry in data["picks"].items():
            allowed = [
                row
                for row in rows
                if row["link"] == link
                and row["drop"] != ""
                and float(row["drop"]) <= 10
                and int(row["edge_memory_bytes"]) <= 100_000
            ]
            assert entry["latency_s"] == min(float(row["latency_s"]) for row in allowed)
            (row,) = [row for row in allowed if row["name"] == entry["plan"]]
            assert float(row["drop"]) == entry["drop"]
            assert int(row["cut_bytes"]) == entry["crossing_bytes"]

    def test_what_does_not_fit_is_never_on_the_front(self, tiny):
        """The limit is one byte short of the baseline that would be best."""
        rows = {row["name"]: row for row in table(tiny.run / "plans.csv")}
        limit = int(rows["uniform8"]["edge_memory_bytes"]) - 1
        step(tiny, "search", memory_bytes=limit, methods=("uniform8", "uniform2", "cloud16"))

        found = table(tiny.run / "plans.csv")
        assert {row["name"] for row in found if row["pareto"] == "1"} <= {"uniform2", "cloud16"}
        assert {row["pareto"] for row in found if row["name"] == "uniform8"} == {"0"}

    def test_rows_are_by_link_and_latency(self, tiny):
        rows = table(tiny.run / "summary.csv")
        keys = [(row["link"] != "1mbps", float(row["latency_s"])) for row in rows]

        assert keys == sorted(keys)

    def test_a_link_can_be_asked_for(self, tiny):
        assert step(tiny, "collect", link="20kbps").text.startswith("Over 20kbps, ")
        with pytest.raises(DataError, match="link '20kbp': must be one with a pick, did you mean"):
            step(tiny, "collect", link="20kbp")

    def test_a_drop_that_nothing_keeps(self, tiny):
        before = files_of(tiny.run)
        with pytest.raises(
            InfeasibleError, match="no measured plan loses at most -1000 points, the"
        ):
            step(tiny, "collect", max_drop=-1000.0)

        assert files_of(tiny.run) == before

    def test_plans_that_were_not_measured_stay_in_the_table(self, tiny):
        step(tiny, "quantize", plans="uniform8,cloud16")
        step(tiny, "collect")
        rows = table(tiny.run / "summary.csv")

        assert {row["name"] for row in rows} == set(plan_names(tiny.run))
        assert {row["name"] for row in rows if row["drop"]} == {"uniform8", "cloud16"}

    def test_data_without_labels_is_picked_by_agreement(self, tiny):
        edit_text(
            tiny.place / "data.py",
            "[(images[:7], labels[:7]), (images[7:], labels[7:])]",
            "[images]",
        )
        rerun(tiny)
        rows = table(tiny.run / "summary.csv")

        assert {row["top1"] for row in rows} == {""}
        for row in rows:
            if row["agreement"]:
                drop = 100 - 100 * float(row["agreement"])
                assert float(row["drop"]) == pytest.approx(drop)


def test_the_seed_is_that_of_the_statistics(tiny, monkeypatch):
    seeds = []

    def load_data(*arguments, seed, **more):
        seeds.append(seed)
        return real(*arguments, seed=seed, **more)

    real = data.load_data
    monkeypatch.setattr(data, "load_data", load_data)
    rerun(tiny, seed=5)

    assert seeds == [5, 5]


class TestEmit:
    def test_native_is_the_file_itself(self, tiny):
        path = tiny.run / "plans" / "uniform8.yaml"

        assert plans.emit_native(tiny.run, "uniform8") == path.read_text()

    def test_distiller_has_every_layer(self, tiny):
        found = plans.emit_distiller(tiny.run, "uniform4")
        overrides = found["quantizers"]["post_train_quantizer"]["overrides"]

        assert overrides == {
            name: {"bits_activations": 4, "bits_weights": 4} for name in ("0", "2", "5")
        }

    def test_the_picked_plan_is_that_of_the_headline(self, tiny):
        data = yaml.safe_load((tiny.run / "pick.yaml").read_text())

        assert plans.picked(tiny.run) == data["picks"]["1mbps"]["plan"]

    @pytest.mark.parametrize("name", ["all", "pareto", "uniform8,cloud16", "unifrom8", ""])
    def test_what_is_no_plan_is_refused(self, tiny, name):
        for emit in (plans.emit_native, plans.emit_distiller):
            with pytest.raises(PlanError, match="no plan"):
                emit(tiny.run, name)


class TestNetworkAndPlan:
    def test_the_plan_is_the_finished_one(self, tiny):
        """With the integers and biases that were measured."""
        _, named = plans.network_and_plan(tiny.run, {}, "uniform4")
        _, pick = plans.network_and_plan(tiny.run, {}, None)

        assert named == tiny.run / "quantized" / "uniform4.yaml"
        assert set(read_plan(named, read_graph(tiny.run)).codes) == {"0", "2", "5"}
        assert pick == tiny.run / "quantized" / f"{plans.picked(tiny.run)}.yaml"

    def test_it_is_the_request_where_nothing_was_finished(self, tiny):
        shutil.rmtree(tiny.run / "quantized")

        _, path = plans.network_and_plan(tiny.run, {}, "uniform4")

        assert path == tiny.run / "plans" / "uniform4.yaml"

    def test_one_that_was_finished_from_another_request_is_refused(self, tiny):
        edit_plan(tiny, "uniform4", lambda data: data["activations"]["0"].update(scale=[100.0]))

        with pytest.raises(StageError) as caught:
            plans.network_and_plan(tiny.run, {}, "uniform4")

        path = tiny.run / "quantized" / "uniform4.yaml"
        assert str(caught.value) == (
            f"{path}: must be what plans/uniform4.yaml was finished to, is missing or one of "
            f"them has changed since, run: autosplit quantize --out {tiny.run}"
        )

    def test_a_plan_that_there_is_none_of_is_refused(self, tiny):
        with pytest.raises(PlanError, match="no plan 'unifrom4', did you mean 'uniform4'"):
            plans.network_and_plan(tiny.run, {}, "unifrom4")


class TestBadInput:
    def refuse(self, tiny, error, match, **given):
        """A new run folder: one clear line, and no folder is left."""
        with pytest.raises(error, match=match) as caught:
            list(stages.run(tiny.place / "new", {**tiny.given, **given}))

        assert isinstance(caught.value, AutoSplitError)
        assert "\n" not in str(caught.value)
        return tiny.place / "new"

    @pytest.mark.parametrize(
        ("given", "error", "match"),
        [
            ({"model": "fashion-restnet"}, ModelError, "did you mean 'fashion-resnet'"),
            ({"data": "fashion-mnits"}, DataError, "did you mean 'fashion-mnist'"),
            ({"model": "nat.py:net"}, ModelError, "must be a Python file, there is none"),
            ({"model": "net.py:nett"}, ModelError, "has no function 'nett', did you mean 'net'"),
            ({"calibration_images": -1}, DataError, "at least 1 calibration image"),
        ],
    )
    def test_wrong_names_of_what_is_measured(self, tiny, given, error, match):
        assert not self.refuse(tiny, error, match, **given).exists()

    @pytest.mark.parametrize(
        ("given", "error", "match"),
        [
            ({"edge": "eyeris"}, ProfileError, "device 'eyeris'.*did you mean 'eyeriss'"),
            ({"cloud": "tpu_v2"}, ProfileError, "device 'tpu_v2'.*did you mean 'tpu_v1'"),
            ({"links": ("wfii",)}, ProfileError, "link 'wfii'.*did you mean 'wifi'"),
            ({"links": ()}, PlanError, "links: must name at least one"),
            ({"widths": (3, 9)}, PlanError, "widths: must be ascending and from 1, 2"),
            ({"methods": ("autospilt",)}, PlanError, "did you mean 'autosplit'"),
            ({"memory_bytes": 7}, InfeasibleError, r"needs \d+ bytes, the limit is 7$"),
        ],
    )
    def test_wrong_names_and_limits_of_the_search(self, tiny, given, error, match):
        folder = self.refuse(tiny, error, match, **given)

        assert not (folder / "plans").exists()
        assert not (folder / "plans.csv").exists()

    def test_numbers_that_no_statistic_can_hold(self, tiny):
        edit_text(
            tiny.place / "data.py",
            "    labels =",
            "    images[2, 0, 1, 1] = float('nan')\n    labels =",
        )

        assert not self.refuse(tiny, DataError, "must be finite, got NaN or infinity").exists()

    def test_an_operator_that_no_latency_model_knows(self, tiny):
        (tiny.place / "odd.py").write_text(
            "import torch\n"
            "class Odd(torch.nn.Module):\n"
            "    def __init__(self):\n"
            "        super().__init__()\n"
            "        self.first = torch.nn.Conv2d(1, 2, 3)\n"
            "        self.last = torch.nn.Linear(72, 5)\n"
            "    def forward(self, x):\n"
            "        return self.last(torch.cumsum(self.first(x), 2).flatten(1))\n"
            "def net():\n"
            "    return Odd(), torch.zeros(1, 1, 8, 8)\n"
        )
        folder = self.refuse(tiny, LatencyError, "cumsum", model="odd.py:net")

        assert "cumsum" in (folder / "layers.csv").read_text()
        assert not (folder / "plans").exists()

    def test_a_profile_with_several_wrong_keys(self, tiny):
        """Several lines here; the command line joins them to one."""
        edit_text(tiny.place / "toy.yaml", "memory_bytes: 100000", "memory: 1\nrows: 3")

        with pytest.raises(ProfileError) as caught:
            step(tiny, "search")

        assert "unknown key 'memory'" in str(caught.value)
        assert "rows: is not used by model 'roofline'" in str(caught.value)

    def test_an_edge_device_on_which_no_measured_plan_fits(self, tiny):
        step(tiny, "search", memory_bytes=300)
        step(tiny, "latency")
        step(tiny, "quantize", plans="uniform8")

        with pytest.raises(InfeasibleError, match="no plan that was measured fits the edge device"):
            step(tiny, "collect")

    def test_a_foreign_file_in_the_run_folder(self, tiny):
        (tiny.run / "graph.json").write_text("{}")

        with pytest.raises(FileError, match=r"graph\.json: must begin with 'schema"):
            step(tiny, "search")

    def test_a_run_folder_that_is_a_file(self, tiny):
        with pytest.raises(StageError, match=r"net\.py: must be a run folder, it is a file"):
            list(stages.run(tiny.place / "net.py", tiny.given))


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
        with pytest.raises(DataError, match=r"must have at least 4 images, .* got 3"):
            rerun(fixed, calibration_images=3)


@pytest.mark.parametrize(
    "spec", ["net.py:net", "torchvision:squeezenet1_1", "fashion-resnet", "yolo:yolov3-tiny"]
)
def test_a_run_folder_has_the_name_that_the_model_gives_itself(tiny, spec):
    model = load_network(StatsOptions(model=spec))

    assert default_folder(spec).name == model.name


def test_statistics_are_those_of_the_calibration_data(tiny):
    images = torch.randn(12, 1, 8, 8, generator=torch.Generator().manual_seed(3))[:8].numpy()
    stats = yaml.safe_load((tiny.run / "stats.yaml").read_text())
    (name,) = read_graph(tiny.run).inputs

    assert stats["samples"] == 8
    assert stats["tensors"][name]["mean"] == pytest.approx(float(np.mean(images)), rel=1e-5)
    assert stats["tensors"][name]["max"] == pytest.approx(float(np.max(images)), rel=1e-6)


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
        ledger = scoring.Ledger(place, {})
        kept = Quantized(place, graph)
        trials = runs_scoring.trials_of(
            runs_scoring.Scoring(tiny.run, measured, QuantizeOptions(), {}, ledger, kept, None)
        )
        program = trials.program

        def batches():
            return (batch for group in trials.looks.after(0) for batch in group)

        score = evaluate(program, file, batches, measure_float(program, batches))
        row = read_scores(tiny.run / "scores.csv")[1]["uniform4"]

        assert set(file.codes) == set(file.weights)
        assert set(file.biases) == set(file.weights)
        assert float(row["agreement"]) == score.agreement
        assert float(row["drop"]) == score.drop

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

        assert outcomes["quantize"].text == "quantize: 3 plans, 0 measured anew"
        assert files_of(tiny.run / "quantized") == first
        rerun(tiny, methods=())
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
        assert text == f"quantize: {count} plans, {count} measured anew"
        monkeypatch.setattr(runs_scoring, "trials_of", fail)
        (tiny.run / "scores.csv").unlink()
        assert step(tiny, "quantize").text.endswith(" plans, 0 measured anew")

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
            stamp = Stamp(plain(stats), {"data": images}, ())
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

        assert outcome.text == f"quantize: {count} plans, {count} measured anew"
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
