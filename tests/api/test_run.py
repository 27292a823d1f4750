"""A run folder as an object."""

import csv
import math

import pytest
import torch
import yaml

import autosplit
from autosplit.api.run import Run
from autosplit.errors import OptionError, StageError
from autosplit.stats.statsfile import read_stats


@pytest.fixture(scope="module")
def opened(finished):
    return autosplit.open_run(finished.place / "run")


class TestOpenRun:
    def test_graph_and_statistics_are_those_of_the_files(self, opened, objects):
        assert opened.graph == objects.net.graph
        assert opened.stats.tensors == read_stats(opened.folder).tensors

    def test_plans_are_a_front_with_the_seconds_of_latency_csv(self, opened):
        assert opened.plans.links == ("1mbps", "20kbps")
        assert opened.plans.hardware == ("toy", "tpu_v1")
        assert opened.plans.limit_bytes == 100_000
        with (opened.folder / "latency.csv").open(newline="") as file:
            for line in csv.DictReader(file):
                seconds = opened.plans[line["name"]].predictions[line["link"]]
                assert seconds.latency_s == pytest.approx(float(line["latency_s"]))

    def test_scores_have_numbers_and_none_for_what_is_empty(self, opened, objects):
        for row in opened.scores:
            found = objects.scores[row["name"]]
            assert row["images"] == found["images"]
            assert row["drop"] == pytest.approx(found["drop"])
        assert opened.scores["float"]["cut_bytes"] is None

    def test_picks_are_those_of_pick_yaml(self, opened):
        data = yaml.safe_load((opened.folder / "pick.yaml").read_text())

        assert {link: pick.plan.name for link, pick in opened.picks.items()} == {
            link: entry["plan"] for link, entry in data["picks"].items()
        }

    def test_its_front_picks_as_the_stage_did(self, opened):
        for link, pick in opened.picks.items():
            assert opened.plans.pick(link, opened.scores, 1.0).plan.name == pick.plan.name

    def test_the_figure_is_a_file(self, opened):
        assert opened.figure.read_bytes().startswith(b"\x89PNG")

    def test_it_prints_what_collect_prints(self, opened, finished):
        assert str(opened) == finished.outcomes[-1].text
        assert repr(opened) == f"Run({str(opened.folder)!r})"
        assert opened._repr_html_().count("<table>") == len(opened.picks)

    def test_a_folder_without_a_run_is_told(self, tmp_path):
        with pytest.raises(StageError, match=r"must be a run folder, it has no stages/stats\.json"):
            autosplit.open_run(tmp_path)

    def test_a_stage_that_is_not_done_is_named(self, tiny):
        (tiny.run / "stages" / "quantize.json").unlink()
        opened = autosplit.open_run(tiny.run)

        assert opened.graph.name == "net"
        with pytest.raises(StageError, match="the stage quantize must be done, run: autosplit qu"):
            opened.scores


class TestRun:
    def test_options_are_those_of_the_command_line(self, tiny):
        found = autosplit.run(
            model="net.py:net",
            data="data.py:data",
            edge="toy.yaml",
            links=["1mbps", "20kbps"],
            memory="90KB",
            max_drop=50,
            out=tiny.run,
        )

        assert isinstance(found, Run)
        assert found.folder == tiny.run
        assert found.plans.limit_bytes == 90_000
        assert all(pick.max_drop == 50 for pick in found.picks.values())

    def test_options_that_are_left_out_keep_their_value(self, tiny):
        found = autosplit.run(out=tiny.run, model="net.py:net")

        assert found.plans.hardware == ("toy", "tpu_v1")

    def test_none_is_none_of_the_command_line(self, tiny):
        found = autosplit.run(out=tiny.run, model="net.py:net", max_drop=None)

        assert all(math.isinf(pick.max_drop) for pick in found.picks.values())

    @pytest.mark.parametrize(
        ("options", "error", "words"),
        [
            ({"modle": "x"}, OptionError, "unknown option 'modle', did you mean 'model'"),
            ({"memory": "4 cats"}, OptionError, "memory: must be a size such as 4MB"),
            ({"model": torch.nn.ReLU()}, OptionError, r"got ReLU; .* autosplit\.capture\(model, e"),
            ({"data": [1]}, OptionError, "data: must be a name or a file, .*got list"),
            ({"model": "fashion-resnet"}, StageError, "is a run folder of net.py:net"),
        ],
    )
    def test_what_is_wrong_is_told_before_anything_is_done(self, tiny, options, error, words):
        with pytest.raises(error, match=words):
            autosplit.run(out=tiny.run, **options)
