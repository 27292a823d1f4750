"""The command ``train`` on the tiny network: a variant with its curves."""

from pathlib import Path

import pytest
from run_folders import table
from tiny import GIVEN

from autosplit.cli.app import main
from autosplit.files import read_yaml
from autosplit.models.load import load_model

DATA = """\
import torch


def data():
    random = torch.Generator().manual_seed(3)
    images = torch.rand(80, 1, 8, 8, generator=random) / 2
    labels = torch.arange(80) % 2
    images += labels.view(-1, 1, 1, 1) / 2
    return {"calibration": [(images[:60], labels[:60])], "evaluation": [(images[60:], labels[60:])]}
"""


@pytest.fixture
def asked(tiny):
    (tiny.place / "shifted.py").write_text(DATA)
    return ["train", "--model", GIVEN["model"], "--data", "shifted.py:data", "--batch-size", "11"]


def test_a_trained_network_is_a_variant_with_its_curves(asked, capsys):
    given = ["--epochs", "2", "--lr", "0.1", "--from-scratch", "on", "--tensorboard"]

    assert main([*asked, *given, "--out", "first"]) == 0

    said = capsys.readouterr()
    assert "random weights before, top-1" in said.out
    assert "epoch 2 of 2: loss" in said.err
    assert [row["epoch"] for row in table_of("first")] == ["0", "1", "2"]
    about = read_yaml(Path("first/network.autosplit.yaml"), "network")["variant"]
    assert (about["method"], about["settings"]["epochs"]) == ("train", 2)
    assert load_model("first/network.pt2").task == "classification"
    assert list(Path("first/events").glob("events.out.tfevents.*"))


@pytest.mark.slow
def test_it_goes_on_and_gives_the_same_network(asked):
    given = ["--epochs", "3", "--lr", "0.1", "--warmup", "1"]
    assert main([*asked, *given, "--out", "whole"]) == 0
    assert main([*asked, *given, "--out", "again"]) == 0

    Path("again/network.pt2").unlink()
    assert main([*asked, *given, "--out", "again", "--resume"]) == 0

    assert table_of("again") == table_of("whole")
    values = [load_model(f"{name}/network.pt2").module.state_dict() for name in ("whole", "again")]
    assert all((values[0][name] == values[1][name]).all() for name in values[0])


@pytest.mark.slow
def test_a_teacher_needs_no_labels_and_has_the_same_outputs(asked, capsys):
    given = ["--epochs", "1", "--lr", "0.01", "--teacher-share", "1"]

    assert main([*asked, *given, "--teacher", GIVEN["model"], "--out", "taught"]) == 0
    held_out = [float(row["held_out"]) for row in table_of("taught")]

    assert held_out[0] == pytest.approx(0.0, abs=1e-6)  # it is its own teacher at the start
    assert main([*asked, *given, "--teacher", "fashion-resnet", "--out", "other"]) != 0
    assert "autosplit: error:" in capsys.readouterr().err


def table_of(folder):
    return table(Path(folder) / "train.csv")


@pytest.mark.slow
def test_a_detector_learns_boxes_and_features_from_a_teacher(tmp_path, capsys):
    words = (
        "train --model scenes-yolo --data scenes --images 4 --epochs 1 --batch-size 16 --lr 1e-4"
    )
    more = ["--teacher", "scenes-yolo", "--distill", "2,5", "--out", str(tmp_path / "taught")]

    assert main([*words.split(), *more]) == 0

    assert "trained:  1 epoch" in capsys.readouterr().out
    assert len(load_model(str(tmp_path / "taught/network.pt2")).example_input) == 1


def test_distillation_of_boxes_needs_a_detector(asked, capsys):
    assert main([*asked, "--distill", "2", "--out", "x"]) == 2

    line = capsys.readouterr().err.splitlines()[-1]
    assert "--distill: needs a detector with anchors, and a --teacher" in line


@pytest.mark.slow
def test_a_detector_learns_boxes_and_is_written_for_darknet(tmp_path):
    words = "train --model scenes-yolo --data scenes --from-scratch on --images 4 --epochs 3"
    more = [
        "--batch-size",
        "8",
        "--optimizer",
        "adamw",
        "--lr",
        "0.002",
        "--augment",
        "flip,colour,mosaic",
        "--out",
    ]

    assert main([*words.split(), *more, str(tmp_path)]) == 0

    losses = [float(row["loss"]) for row in table(tmp_path / "train.csv")[1:]]
    assert losses[-1] < 0.8 * losses[0]
    again = load_model(
        f"yolo:{tmp_path / 'network.cfg'}", weights=str(tmp_path / "network.weights")
    )
    assert len(again.labels) == 10
