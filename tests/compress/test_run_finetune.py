"""``tune`` without a plan: the network of a run folder, trained further in float."""

from pathlib import Path

import pytest

from autosplit.cli.app import main
from autosplit.files import read_yaml

MORE = """\
import torch


def data():
    random = torch.Generator().manual_seed(3)
    images = torch.rand(60, 1, 8, 8, generator=random)
    labels = torch.arange(60) % 5
    return {"calibration": [(images[:48], labels[:48])], "evaluation": [(images[48:], labels[48:])]}
"""
GIVEN_TO_TUNE = ["--data", "more.py:data", "--epochs", "2", "--batch-size", "8", "--lr", "0.01"]


@pytest.fixture
def asked(tiny):
    (tiny.place / "more.py").write_text(MORE)
    return ["tune", str(tiny.run), *GIVEN_TO_TUNE, "--out", "further"]


def test_the_network_learns_the_labels_and_becomes_a_variant(asked, capsys):
    assert main(asked) == 0

    assert "variant:  further/network.pt2" in capsys.readouterr().out
    about = read_yaml(Path("further/network.autosplit.yaml"), "network")["variant"]
    assert about["settings"]["teacher"] is None
    assert about["settings"]["epochs"] == 2


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--teacher", "float"], "--teacher: must be another network where no --plan is named"),
        (["--quantizer", "pact"], "--quantizer: is of plans alone, name one with --plan"),
        (["--out", "."], "must be empty or hold a variant"),
    ],
)
def test_what_a_network_in_float_cannot_be_asked_for_is_one_line(asked, more, said, capsys):
    assert main([*asked, *more]) != 0

    assert said in capsys.readouterr().err.splitlines()[-1]
