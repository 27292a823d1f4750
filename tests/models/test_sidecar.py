"""What stands beside a network's file."""

import pytest
import torch
from torch import nn

from autosplit.data.asked_preprocess import AskedPreprocess, adjusted
from autosplit.data.preprocess import Preprocess, preprocess_for
from autosplit.errors import FileError
from autosplit.models.load import load_model
from autosplit.models.sidecar import read_sidecar, sidecar_path, write_sidecar
from autosplit.runs.network import asked_task
from autosplit.runs.options import StatsOptions

ASKED = AskedPreprocess(mean=(0.4,), std=(0.2,), resize=40, interpolation="bicubic", channels="bgr")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "mine.pt2"
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.LazyLinear(2)).eval()
    example = torch.zeros(1, 3, 32, 32)
    network(example)
    torch.export.save(torch.export.export(network, (example,)), path)
    return path


def test_a_program_carries_its_preparation_task_and_classes(saved):
    before = load_model(str(saved))
    prepare = adjusted(preprocess_for((1, 3, 32, 32)), ASKED, "mine")
    path = write_sidecar(saved, prepare, task="regression", output="output", classes=("a", "b"))
    after = load_model(str(saved))
    path.unlink()

    assert (before.assumed, before.preprocess.mean) == (True, (0.0,) * 3)
    assert (after.assumed, after.preprocess) == (False, prepare)
    assert after.labels == ("a", "b")
    asked = asked_task(StatsOptions(), after)
    assert (asked.task, asked.output) == ("regression", "output")
    assert asked_task(StatsOptions(task="binary"), after).task == "binary"
    assert before.sha256 != after.sha256
    assert isinstance(after.preprocess, Preprocess)


def test_it_lies_beside_the_file(saved):
    assert sidecar_path(saved) == saved.parent / "mine.autosplit.yaml"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tsak: binary", "unknown key 'tsak', did you mean 'task'"),
        ("task: 3", "task: must be text, got 3"),
        ("classes: cat", "classes: must be a list of names, got 'cat'"),
        ("preprocess: {maen: [0.5]}", "unknown key 'maen', did you mean 'mean'"),
        ("preprocess: {mean: half}", "mean: must be a list of numbers, got 'half'"),
        ("preprocess: {resize: [0, 1]}", "resize: must be two whole numbers of at least 1"),
        ("preprocess: {channels: 3}", "channels: must be text, got 3"),
        ("preprocess: {whole: yolo}", "whole: must be one of darknet, alexeyab, ultralytics"),
        ("preprocess: {mean: [0.1, 0.2]}", "--mean: must be 1 or 3 numbers, got 2"),
        ("preprocess: {interpolation: best}", "preprocess: 'best'"),
        ("preprocess: {crop: [8, 8]}", "crop: must be the size of the network's input"),
    ],
)
def test_a_wrong_sidecar_is_one_line(saved, text, problem):
    path = sidecar_path(saved)
    path.write_text(f"schema: autosplit/network/1\n{text}\n")
    try:
        with pytest.raises(FileError, match=problem):
            load_model(str(saved))
    finally:
        path.unlink()


def test_a_sidecar_is_of_its_own_kind(tmp_path):
    path = tmp_path / "x.autosplit.yaml"
    path.write_text("schema: autosplit/plan/1\n")
    with pytest.raises(FileError, match="autosplit/network/1"):
        read_sidecar(path)
