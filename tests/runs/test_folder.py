"""Run folders: which options count, what makes a stage due again, where a run folder is."""

from dataclasses import replace
from pathlib import Path

import pytest

from autosplit import __version__
from autosplit.errors import FileError, PlanError, StageError
from autosplit.hardware.link import Link
from autosplit.runs.folder import default_folder, find_folder, plan_names, read_graph, read_plans
from autosplit.runs.hashes import hash_data, hash_files, hash_model, hash_profile
from autosplit.runs.needs import require
from autosplit.runs.options import (
    LatencyOptions,
    QuantizeOptions,
    SearchOptions,
    StatsOptions,
    plain,
)
from autosplit.runs.stamps import Stamp, clear_stamp, is_done, read_stamp, resolve, write_stamp


class TestResolve:
    RECORDED = Stamp({"edge": "jetson_nano", "widths": [2, 4], "links": ["lte"]}, {}, ())

    def test_what_is_given_comes_before_what_is_recorded_before_the_default(self):
        found = resolve({"edge": "toy.yaml", "cloud": None}, self.RECORDED, SearchOptions())

        assert found == SearchOptions(edge="toy.yaml", widths=(2, 4), links=("lte",))
        assert found.cloud == SearchOptions().cloud

    def test_nothing_recorded_leaves_the_defaults(self):
        assert resolve({}, None, SearchOptions()) == SearchOptions()

    def test_a_zero_or_an_empty_text_that_is_given_counts(self):
        recorded = Stamp({"edge": "lte", "images": 9, "memory_bytes": 5}, {}, ())

        assert resolve({"edge": ""}, recorded, LatencyOptions()).edge == ""
        assert resolve({"images": 0}, recorded, QuantizeOptions()).images == 0

    def test_a_list_becomes_a_tuple(self):
        assert resolve({"links": ["a", "b"]}, None, SearchOptions()).links == ("a", "b")

    def test_a_recorded_option_of_another_version_is_left_out(self):
        recorded = Stamp({"jobs": 3, "colour": "red"}, {}, ())

        assert resolve({}, recorded, QuantizeOptions()) == QuantizeOptions(jobs=3)

    def test_an_unknown_option_is_refused(self):
        with pytest.raises(StageError, match="unknown option 'imagse', did you mean 'images'"):
            resolve({"imagse": 3}, None, QuantizeOptions())

    def test_plain_options_are_as_json_gives_them_back(self):
        assert plain(LatencyOptions(links=("a", "b"))) == {
            "edge": "",
            "cloud": "",
            "links": ["a", "b"],
        }


INPUTS = {"model": "aa", "data": "bb"}


class TestStamp:
    OPTIONS = StatsOptions(model="fashion-resnet")

    @pytest.fixture
    def folder(self, tmp_path):
        (tmp_path / "graph.json").write_text("{}")
        write_stamp(tmp_path, "stats", Stamp(plain(self.OPTIONS), INPUTS, ("graph.json",)))
        return tmp_path

    def test_it_is_read_back(self, folder):
        assert read_stamp(folder, "stats") == Stamp(plain(self.OPTIONS), INPUTS, ("graph.json",))
        assert read_stamp(folder, "search") is None

    def test_a_finished_stage_is_done(self, folder):
        assert is_done(folder, "stats", self.OPTIONS, INPUTS)

    @pytest.mark.parametrize(
        "change",
        [
            {"model": "x"},
            {"weights": "x"},
            {"checkpoint": "x"},
            {"input_size": 1},
            {"data": "x"},
            {"calibration_images": 1},
            {"batch_size": 3},
            {"seed": 1},
        ],
    )
    def test_another_option_makes_it_due(self, folder, change):
        assert not is_done(folder, "stats", replace(self.OPTIONS, **change), INPUTS)

    @pytest.mark.parametrize(
        "inputs", [{"model": "aa", "data": "cc"}, {"model": "aa"}, {**INPUTS, "more": "dd"}, {}]
    )
    def test_another_input_makes_it_due(self, folder, inputs):
        assert not is_done(folder, "stats", self.OPTIONS, inputs)

    def test_a_missing_output_makes_it_due(self, folder):
        (folder / "graph.json").unlink()

        assert not is_done(folder, "stats", self.OPTIONS, INPUTS)

    def test_an_edited_output_is_kept(self, folder):
        (folder / "graph.json").write_text("edited")

        assert is_done(folder, "stats", self.OPTIONS, INPUTS)

    def test_the_number_of_jobs_changes_nothing(self, tmp_path):
        write_stamp(tmp_path, "quantize", Stamp(plain(QuantizeOptions()), {}, ()))

        assert is_done(tmp_path, "quantize", QuantizeOptions(jobs=7), {})
        assert not is_done(tmp_path, "quantize", QuantizeOptions(images=7), {})
        assert not is_done(tmp_path, "quantize", QuantizeOptions(plans="all"), {})

    def test_an_option_that_an_older_version_did_not_record_makes_it_due(self, tmp_path):
        options = plain(QuantizeOptions())
        del options["images"]
        write_stamp(tmp_path, "quantize", Stamp(options, {}, ()))

        assert not is_done(tmp_path, "quantize", QuantizeOptions(), {})

    def test_a_stage_that_is_being_done_again_is_not_done(self, folder):
        clear_stamp(folder, "stats")
        clear_stamp(folder, "stats")

        assert not is_done(folder, "stats", self.OPTIONS, INPUTS)

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ('{"schema": "autosplit/stage/1"}', "must hold the key 'options'"),
            ("[]", "must begin with 'schema: autosplit/stage/1'"),
        ],
    )
    def test_a_foreign_stamp_is_refused(self, folder, text, problem):
        (folder / "stages" / "stats.json").write_text(text)

        with pytest.raises(FileError, match=problem):
            read_stamp(folder, "stats")


class TestRequire:
    def test_a_stage_before_the_one_it_needs_is_told_what_to_run(self, tmp_path):
        with pytest.raises(StageError) as caught:
            require(tmp_path, "stats", "search")

        assert str(caught.value) == (
            f"{tmp_path}: 'autosplit search' needs 'autosplit stats' to be done first in this run "
            f"folder, run: autosplit stats --out {tmp_path}"
        )

    def test_a_stage_that_read_another_file_is_told_to_be_done_again(self, tmp_path):
        (tmp_path / "graph.json").write_text("1")
        stamp = Stamp({}, {"edge": "xx", **hash_files(tmp_path, ["graph.json"])}, ())
        write_stamp(tmp_path, "latency", stamp)
        assert require(tmp_path, "latency", "collect") == stamp

        (tmp_path / "graph.json").write_text("2")
        with pytest.raises(StageError, match=r"'autosplit latency' to be done again, graph\.json"):
            require(tmp_path, "latency", "collect")


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


class TestFolders:
    @pytest.mark.parametrize(
        ("model", "name"),
        [
            ("efficientnet-lite0", "efficientnet_lite0"),
            ("fashion-resnet", "fashion_resnet"),
            ("torchvision:resnet50", "resnet50"),
            ("yolo:yolov3-tiny", "yolov3_tiny"),
            ("yolo:some/my.net.cfg", "my_net"),
            ("torchvision-backbone:fasterrcnn_x", "fasterrcnn_x_backbone"),
            ("path/to/file.py:function", "function"),
            ("file.py:net", "net"),
            ("x/y.pt2", "y"),
            ("my.net-2.pt2", "my_net_2"),
        ],
    )
    def test_a_run_folder_is_named_after_the_model(self, model, name):
        assert default_folder(model) == Path("results") / name

    @pytest.fixture
    def results(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)

        def make(*names):
            for name in names:
                write_stamp(Path("results") / name, "stats", Stamp({}, {}, ()))

        return make

    def test_the_default_models_folder_comes_first(self, results):
        results("abc", "efficientnet_lite0", "xyz")

        assert find_folder() == Path("results/efficientnet_lite0")

    def test_the_only_run_folder_is_found(self, results):
        results("resnet50")
        Path("results/notes").mkdir()

        assert find_folder() == Path("results/resnet50")

    def test_none_at_all_leaves_the_default_models_folder(self, results):
        assert find_folder() == Path("results/efficientnet_lite0")

    def test_several_have_to_be_chosen_from(self, results):
        results("resnet50", "net")

        with pytest.raises(StageError) as caught:
            find_folder()

        assert str(caught.value) == (
            "results: there are several run folders, choose with --out: "
            "results/net, results/resnet50"
        )


class TestPlans:
    def test_names_come_in_the_order_of_the_table(self, tiny):
        names = plan_names(tiny.run)

        assert {"uniform2", "uniform8", "cloud16"} < set(names)
        assert set(plan_names(tiny.run, "pareto")) <= set(names)
        assert {"uniform2", "uniform8", "cloud16"} < set(plan_names(tiny.run, "pareto"))
        assert plan_names(tiny.run, " uniform8 , cloud16,uniform8") == ["uniform8", "cloud16"]

    def test_pareto_leaves_out_what_is_beaten_over_every_link(self, tiny):
        text = (tiny.run / "plans.csv").read_text().splitlines()
        header, *rows = (line.split(",") for line in text)
        name, place = "cut000-00", header.index("pareto")
        rows = [[*r[:place], "0", *r[place + 1 :]] if r[0] == name else r for r in rows]
        (tiny.run / "plans.csv").write_text("\n".join(map(",".join, [header, *rows])))

        assert name in plan_names(tiny.run)
        assert name not in plan_names(tiny.run, "pareto")

    @pytest.mark.parametrize("asked", ["", " , "])
    def test_no_name_at_all_is_refused(self, tiny, asked):
        with pytest.raises(PlanError, match="must be pareto, all, or names"):
            plan_names(tiny.run, asked)

    def test_an_unknown_name_is_refused(self, tiny):
        with pytest.raises(PlanError, match="run: no plan 'unifrom8', did you mean 'uniform8'"):
            plan_names(tiny.run, "cloud16,unifrom8")

    def test_a_plan_of_another_network_is_refused(self, tiny):
        path = tiny.run / "plans" / "uniform8.yaml"
        text = path.read_text().replace("graph_sha256: ", "graph_sha256: 0")
        path.write_text(text)

        with pytest.raises(PlanError, match=r"uniform8\.yaml: must be a plan of net as in graph"):
            read_plans(tiny.run, read_graph(tiny.run), ["uniform8"])

    def test_a_plan_under_another_name_is_refused(self, tiny):
        plans = tiny.run / "plans"
        (plans / "uniform8.yaml").write_text((plans / "uniform6.yaml").read_text())

        with pytest.raises(PlanError, match="name must be 'uniform8', got 'uniform6'"):
            read_plans(tiny.run, read_graph(tiny.run), ["uniform8"])


def test_the_version_is_part_of_what_a_model_is(monkeypatch):
    before = hash_model(StatsOptions()), hash_data("demo", 0, 0)
    monkeypatch.setattr("autosplit.runs.hashes.__version__", f"{__version__}.1")

    assert hash_model(StatsOptions()) != before[0]
    assert hash_data("demo", 0, 0) != before[1]
