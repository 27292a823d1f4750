"""The stage ``stats``: a network captured and measured."""

import shutil

import numpy as np
import pytest
import torch
import yaml
from run_folders import rerun, step

from autosplit.data import datasets as data
from autosplit.errors import StageError
from autosplit.runs.folder import default_folder, read_graph
from autosplit.runs.hashes import hash_parent
from autosplit.runs.network import load_network
from autosplit.runs.options import StatsOptions
from autosplit.runs.stamps import read_stamp


def test_the_seed_is_that_of_the_statistics(tiny, monkeypatch):
    seeds = []

    def load_data(*arguments, seed, **more):
        seeds.append(seed)
        return real(*arguments, seed=seed, **more)

    real = data.load_data
    monkeypatch.setattr(data, "load_data", load_data)
    rerun(tiny, seed=5)

    assert seeds == [5, 5]


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


class TestParent:
    def test_a_run_remembers_the_run_that_its_network_was_made_from(self, tiny):
        shutil.copytree(tiny.run, "parent")
        assert not step(tiny, "stats", parent="parent").done_before
        assert step(tiny, "stats").done_before

        stamp = read_stamp(tiny.run, "stats")
        assert (stamp.options["parent"], stamp.inputs["parent"]) == (
            "parent",
            hash_parent("parent"),
        )
        assert step(tiny, "search").done_before
        assert not step(tiny, "stats", parent=None).done_before

    def test_no_run_is_its_own_parent(self, tiny):
        with pytest.raises(StageError, match="parent: must be another run folder"):
            step(tiny, "stats", parent="./run/../run")
