"""Stamps: which options count, and what makes a stage due again."""

from dataclasses import replace

import pytest

from autosplit.errors import FileError, OptionError
from autosplit.files import sha256_of
from autosplit.runs.options import (
    LatencyOptions,
    QuantizeOptions,
    SearchOptions,
    StatsOptions,
    plain,
)
from autosplit.runs.stamps import (
    Stamp,
    changed_outputs,
    clear_stamp,
    edited_plans,
    is_done,
    read_stamp,
    resolve,
    write_stamp,
)


class TestResolve:
    RECORDED = Stamp({"edge": "jetson_nano", "widths": [2, 4], "links": ["lte"]}, {}, {})

    def test_what_is_given_comes_before_what_is_recorded_before_the_default(self):
        found = resolve({"edge": "toy.yaml"}, self.RECORDED, SearchOptions())

        assert found == SearchOptions(edge="toy.yaml", widths=(2, 4), links=("lte",))
        assert found.cloud == SearchOptions().cloud

    def test_nothing_recorded_leaves_the_defaults(self):
        assert resolve({}, None, SearchOptions()) == SearchOptions()

    def test_none_takes_a_limit_off_and_zero_is_a_limit(self):
        recorded = Stamp({"edge": "lte", "images": 9, "memory_bytes": 5}, {}, {})

        assert resolve({}, recorded, SearchOptions()).memory_bytes == 5
        assert resolve({"memory_bytes": None}, recorded, SearchOptions()).memory_bytes is None
        assert resolve({"memory_bytes": 0}, recorded, SearchOptions()).memory_bytes == 0
        assert resolve({"edge": None}, recorded, LatencyOptions()).edge is None
        assert resolve({"images": None}, recorded, QuantizeOptions()).images is None

    def test_none_where_there_must_be_a_value_is_refused(self):
        with pytest.raises(OptionError, match="edge: must have a value, got none"):
            resolve({"edge": None}, None, SearchOptions())

    def test_a_list_becomes_a_tuple(self):
        assert resolve({"links": ["a", "b"]}, None, SearchOptions()).links == ("a", "b")

    def test_a_recorded_option_of_another_version_is_left_out(self):
        recorded = Stamp({"jobs": 3, "colour": "red"}, {}, {})

        assert resolve({}, recorded, QuantizeOptions()) == QuantizeOptions(jobs=3)

    def test_an_unknown_option_is_refused(self):
        with pytest.raises(OptionError, match="unknown option 'imagse', did you mean 'images'"):
            resolve({"imagse": 3}, None, QuantizeOptions())

    def test_plain_options_are_as_json_gives_them_back(self):
        assert plain(LatencyOptions(links=("a", "b"))) == {
            "edge": None,
            "cloud": None,
            "links": ["a", "b"],
        }


EMPTY = (
    '{"schema": "autosplit/stage/3", "made_by": "", "sha256": "", '
    '"options": {}, "inputs": {}, "outputs": {}}'
)
INPUTS = {"model": "aa", "data": "bb"}
WROTE = {"graph.json": sha256_of("{}")}


class TestStamp:
    OPTIONS = StatsOptions(model="fashion-resnet")

    @pytest.fixture
    def folder(self, tmp_path):
        (tmp_path / "graph.json").write_text("{}")
        write_stamp(tmp_path, "stats", Stamp(plain(self.OPTIONS), INPUTS, WROTE))
        return tmp_path

    def test_it_is_read_back(self, folder):
        assert read_stamp(folder, "stats") == Stamp(plain(self.OPTIONS), INPUTS, WROTE)
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

    def test_an_output_that_was_cut_or_changed_makes_it_due(self, folder):
        (folder / "graph.json").write_text("{")

        assert not is_done(folder, "stats", self.OPTIONS, INPUTS)

    def test_a_stamp_that_was_changed_is_refused(self, folder):
        path = folder / "stages" / "stats.json"
        path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))

        with pytest.raises(FileError, match="must be as autosplit wrote it, was changed since"):
            read_stamp(folder, "stats")

    def test_an_edited_plan_is_kept(self, folder):
        (folder / "plans").mkdir()
        (folder / "plans" / "a.yaml").write_text("edited")
        stamp = Stamp(plain(self.OPTIONS), INPUTS, {"plans/a.yaml": sha256_of("as searched")})
        write_stamp(folder, "stats", stamp)

        assert is_done(folder, "stats", self.OPTIONS, INPUTS)
        assert edited_plans(folder, [stamp]) == ["plans/a.yaml"]

        (folder / "plans" / "a.yaml").unlink()
        assert changed_outputs(folder, stamp) == ["plans/a.yaml"]

    def test_the_number_of_jobs_changes_nothing(self, tmp_path):
        write_stamp(tmp_path, "quantize", Stamp(plain(QuantizeOptions()), {}, {}))

        assert is_done(tmp_path, "quantize", QuantizeOptions(jobs=7), {})
        assert not is_done(tmp_path, "quantize", QuantizeOptions(images=7), {})
        assert not is_done(tmp_path, "quantize", QuantizeOptions(plans="all"), {})

    def test_an_option_that_an_older_version_did_not_record_makes_it_due(self, tmp_path):
        options = plain(QuantizeOptions())
        del options["images"]
        write_stamp(tmp_path, "quantize", Stamp(options, {}, {}))

        assert not is_done(tmp_path, "quantize", QuantizeOptions(), {})

    def test_a_stage_that_is_being_done_again_is_not_done(self, folder):
        clear_stamp(folder, "stats")
        clear_stamp(folder, "stats")

        assert not is_done(folder, "stats", self.OPTIONS, INPUTS)

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ('{"schema": "autosplit/stage/3"}', "missing key 'inputs'"),
            (
                EMPTY.replace('options": {}', 'options": []').replace('puts": {}', 'puts": []'),
                "options: must be a mapping, .*inputs: must be a mapping, .*outputs: must be a map",
            ),
            (
                EMPTY.replace('outputs": {}', 'outputs": {"a/../x": ""}'),
                r"outputs: must be inside the run folder, got 'a/\.\./x'",
            ),
            (
                EMPTY.replace('outputs": {}', 'outputs": {"/x": ""}'),
                "outputs: must be inside the run folder, got '/x'",
            ),
            ("[]", "must begin with 'schema: autosplit/stage/3'"),
            ('{"schema": "autosplit/stage/2"}', "another version of autosplit: make it again"),
        ],
    )
    def test_a_foreign_stamp_is_refused(self, folder, text, problem):
        (folder / "stages" / "stats.json").write_text(text)

        with pytest.raises(FileError, match=problem):
            read_stamp(folder, "stats")
