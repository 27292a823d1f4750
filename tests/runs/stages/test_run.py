"""All five stages on a tiny network: the same files each way, and nothing done twice."""

import json
import re

import pytest
from run_folders import NAMES, edit_text, files_of, rerun, step, table, weights

from autosplit.errors import (
    AutoSplitError,
    AutoSplitWarning,
    DataError,
    InfeasibleError,
    ModelError,
    OptionError,
    ProfileError,
    StageError,
)
from autosplit.files import sha256_of
from autosplit.progress import NOTE
from autosplit.runs.folder import plan_names, read_graph, read_plans
from autosplit.runs.stages import run as stages
from autosplit.runs.stamps import Stamp, read_stamp, write_stamp


class TestRun:
    def test_it_does_all_five_stages_and_says_what_each_did(self, finished):
        assert [outcome.stage for outcome in finished.outcomes] == list(NAMES)
        assert not any(outcome.done_before for outcome in finished.outcomes)
        stats, search, latency, quantize, collect = (o.text for o in finished.outcomes)
        # 64 x 9 x 4, then 16 x 36 x 6, then 96 x 5
        assert stats.startswith(
            "stats: 3 layers, 6,240 multiply-accumulates, measured on 8 samples"
        )
        assert search.endswith(" plans of other methods")
        assert "on toy and tpu_v1 over 1mbps, 20kbps" in latency
        assert quantize.endswith(" of them measured now")
        assert collect.startswith("Over 1mbps; ")

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
            f"profiles/{sha256_of('toy.yaml')[:16]}.yaml",
            "stages/scores/float.json",
            *("graph.json", "layers.csv", "inputs.json", "stats.yaml", "distortion.csv"),
            *(
                "weight_grids.safetensors",
                "plans.csv",
                "latency.csv",
                "layer_latency.csv",
            ),
            *(
                "scores.csv",
                "summary.csv",
                "summary_full.csv",
                "pareto.png",
                "pick.yaml",
                "report.html",
            ),
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
        assert outcomes[4].text.startswith("Over 1mbps; ")
        assert files_of(tiny.run) == before

    def test_options_are_remembered(self, tiny):
        assert not any(not o.done_before for o in stages.run(tiny.run, {}))

    def test_force_redoes_everything_and_gives_the_same_bytes(self, tiny):
        before = files_of(tiny.run)
        outcomes = list(stages.run(tiny.run, {}, force=True))

        assert not any(outcome.done_before for outcome in outcomes)
        measured = len(plan_names(tiny.run, "pareto"))
        assert outcomes[3].text == f"quantize: {measured} plans, {measured} of them measured now"
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
            ({"jobs": 2}, {"effort": "fast"}, None),
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
            write_stamp(tmp_path, "quantize", Stamp(before, {}, {}))

        expected = {} if counted is None else {"rounding": counted}
        assert stages._rounding_counted(tmp_path, given) == expected

    def test_a_run_of_another_effort_measures_anew_and_remembers_it(self, tiny):
        assert rerun(tiny, effort="fast")[:2] == ["stats", "search"]
        assert read_stamp(tiny.run, "stats").options["rounding"] == "nearest"
        assert rerun(tiny) == []
        assert rerun(tiny, effort="good")[0] == "stats"
        assert read_stamp(tiny.run, "stats").options["rounding"] == "auto"

    @pytest.mark.parametrize(
        ("given", "text"),
        [
            ({"max_dorp": 1.0}, "unknown option 'max_dorp', did you mean 'max_drop'"),
            ({"metric": "nope"}, "metric: must be output, fisher or mse, got 'nope'"),
            ({"cuts": "useful"}, "cuts: useful cuts need a limit, which must be given"),
            ({"images": 0}, "images: must be a whole number of at least 1, got 0"),
            ({"effort": "bst"}, "effort: must be none, fast, good or best, got 'bst'"),
        ],
    )
    def test_a_wrong_option_of_any_stage_is_refused_before_the_first(self, tiny, given, text):
        with pytest.raises(OptionError, match=text):
            stages.run(tiny.run, {"seed": 9, **given})

        assert read_stamp(tiny.run, "stats").options["seed"] == 0

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

        notes = [what for what, total, _ in told if total == NOTE]
        told = [line for line in told if line[1] != NOTE]
        assert [note.split(":")[0] for note in notes] == ["input", "search", "float network"]
        assert [what.split(":")[0] for what, _, _ in told] == [
            "stats",
            "search",
            "search",
            "latency",
            "quantize",
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
        assert "90,000 bytes" in last.text

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

        assert {row["name"] for row in table(tiny.run / "summary_full.csv")} == {
            "uniform8",
            "cloud16",
        }
        assert {p.stem for p in (tiny.run / "plans").iterdir()} == {"uniform8", "cloud16"}


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
            f"folder, run: autosplit {needs} --run {folder}"
        )
        assert not folder.exists()

    def test_a_run_folder_of_another_model(self, tiny):
        before = files_of(tiny.run)
        with pytest.raises(StageError) as caught:
            rerun(tiny, model="fashion-resnet")

        assert str(caught.value) == (
            f"{tiny.run}: is a run folder of net.py:net, asked for fashion-resnet; choose another "
            "one with --run, or redo this one with --force"
        )
        assert files_of(tiny.run) == before

    def test_force_takes_over_a_run_folder_with_fresh_options(self, tiny):
        step(tiny, "stats", seed=3)
        (tiny.place / "other.py").write_text((tiny.place / "net.py").read_text())
        step(tiny, "stats", force=True, model="other.py:net", data="data.py:data")

        stamp = json.loads((tiny.run / "stages" / "stats.json").read_text())
        assert (stamp["options"]["model"], stamp["options"]["seed"]) == ("other.py:net", 0)


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
            ({"model": "fashion-restnet"}, OptionError, "did you mean 'fashion-resnet'"),
            ({"data": "fashion-mnits"}, OptionError, "did you mean 'fashion-mnist'"),
            ({"model": "nat.py:net"}, ModelError, "must be a Python file, there is none"),
            ({"model": "net.py:nett"}, ModelError, "has no function 'nett', did you mean 'net'"),
            ({"calibration_images": -1}, OptionError, "calibration_images: must be a whole number"),
        ],
    )
    def test_wrong_names_of_what_is_measured(self, tiny, given, error, match):
        assert not self.refuse(tiny, error, match, **given).exists()

    @pytest.mark.parametrize(
        ("given", "error", "match"),
        [
            ({"edge": "eyeris"}, OptionError, "device 'eyeris'.*did you mean 'eyeriss'"),
            ({"cloud": "tpu_v2"}, OptionError, "device 'tpu_v2'.*did you mean 'tpu_v1'"),
            ({"links": ("wfii",)}, OptionError, "link 'wfii'.*did you mean 'wifi'"),
            ({"links": ()}, OptionError, "links: must name at least one"),
            ({"widths": (3, 9)}, OptionError, "widths: must be whole numbers from 1 to 8"),
            ({"methods": ("autospilt",)}, OptionError, "did you mean 'autosplit'"),
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

        assert not self.refuse(tiny, DataError, "must be finite, got NaN").exists()

    def test_an_operator_that_no_latency_model_knows(self, tiny):
        (tiny.place / "odd.py").write_text(
            "import torch\n"
            "class Odd(torch.nn.Module):\n"
            "    def __init__(self):\n"
            "        super().__init__()\n"
            "        self.first = torch.nn.Conv2d(1, 2, 3)\n"
            "        self.last = torch.nn.Linear(72, 5)\n"
            "    def forward(self, x):\n"
            "        return self.last(torch.linalg.matrix_exp(self.first(x)).flatten(1))\n"
            "def net():\n"
            "    return Odd(), torch.zeros(1, 1, 8, 8)\n"
        )
        folder = tiny.place / "new"
        with pytest.warns(AutoSplitWarning) as told:
            list(stages.run(folder, {**tiny.given, "model": "odd.py:net"}))

        texts = " ".join(str(warning.message) for warning in told)
        assert "tpu_v1: timed by their traffic alone, no cost is known: linalg_matrix_exp" in texts
        assert "toy: no cost is known of linalg_matrix_exp (aten.linalg_matrix_exp): plans" in texts
        plans = read_plans(folder, read_graph(folder), plan_names(folder)).values()
        assert {file.plan.edge for file in plans} == {(), ("first",)}
        rows = table(folder / "layer_latency.csv")
        odd = [row for row in rows if row["layer"] == "linalg_matrix_exp"]
        assert {(row["device"], row["priced_by"]) for row in odd} == {("tpu_v1", "traffic")}
        others = [row for row in rows if row not in odd]
        assert {row["priced_by"] for row in others} == {"roofline", "systolic"}
        text = stages.STAGES["collect"].run(folder, {}).text.replace("\n", " ")
        part = r"\d\.\d % of its latency is that of layers whose cost is unknown, so that they are "
        name = r"linalg_matrix_exp \(aten.linalg_matrix_exp\)\."
        assert re.search(part + "priced by their memory traffic alone: " + name, text)

        with (tiny.place / "toy.yaml").open("a") as profile:
            profile.write("unknown_operators: traffic\n")
        with pytest.warns(AutoSplitWarning) as told:
            stages.STAGES["search"].run(folder, {"edge": "toy.yaml", "links": ("1mbps",)})

        text = "timed by their traffic alone, no cost is known: linalg_matrix_exp"
        texts = [str(warning.message) for warning in told]
        for device in ("toy", "tpu_v1"):
            assert any(one.startswith(f"{device}: {text}") for one in texts)

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

        with pytest.raises(StageError, match=r"stats' to be done again, graph\.json has changed"):
            step(tiny, "search")

    def test_a_run_folder_that_is_a_file(self, tiny):
        with pytest.raises(StageError, match=r"net\.py: must be a run folder, it is a file"):
            list(stages.run(tiny.place / "net.py", tiny.given))
