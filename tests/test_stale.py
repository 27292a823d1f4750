"""A stage is done again when anything it read has changed, also what a person's code read."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tiny import EDGE

from autosplit.errors import StageError
from autosplit.runs.stages import run as stages

NETWORK = """\
import torch
from torch import nn
from layers import middle


def net():
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 4), middle(), nn.Linear(4, 3))
    network.load_state_dict(torch.load("net.pt"))
    return network, torch.zeros(1, 1, 4, 4)
"""
LAYERS = "from torch import nn\n\n\ndef middle():\n    return nn.ReLU()\n"
DATA = """\
import os
from pathlib import Path
import torch


def data():
    count = 8 + len(os.listdir("pictures"))
    images = torch.randn(count, 1, 4, 4) * float(os.environ.get("SCALE", "1"))
    labels = torch.arange(count) % 3
    shift = float(Path("shift.txt").read_text())
    return {"calibration": [images], "evaluation": Late(images, labels)}


class Late:
    def __init__(self, images, labels):
        self.images, self.labels = images, labels

    def __iter__(self):
        yield self.images + float(Path("late.txt").read_text()), self.labels
"""
GIVEN = {
    "model": "net.py:net",
    "data": "data.py:data",
    "edge": "toy.yaml",
    "links": ("20kbps",),
    "methods": ("uniform4", "cloud16"),
    "metric": "mse",
    "effort": "none",
    "max_drop": None,
}


def save_weights(seed):
    torch.manual_seed(seed)
    layers = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(16, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3)
    )
    torch.save(layers.state_dict(), "net.pt")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    place = tmp_path_factory.mktemp("stale")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        texts = {"net.py": NETWORK, "layers.py": LAYERS, "data.py": DATA, "toy.yaml": EDGE}
        for name, text in (texts | {"shift.txt": "0", "late.txt": "0"}).items():
            Path(name).write_text(text)
        Path("pictures").mkdir()
        Path("pictures/1.png").write_text("")
        save_weights(0)
        list(stages.run(Path("run"), GIVEN))
    return place


@pytest.fixture
def place(made, tmp_path, monkeypatch):
    shutil.copytree(made, tmp_path / "stale")
    monkeypatch.chdir(tmp_path / "stale")
    return SimpleNamespace(run=Path("run"))


def redone():
    """Stages that have something new to do, until the first that needs to be done again."""
    return [one.stage for one in stages.run(Path("run"), GIVEN) if not one.done_before]


def test_nothing_changed_is_nothing_new(place):
    assert redone() == []


CHANGES = {
    "the weights that the network loads": lambda: save_weights(1),
    "a module beside it": lambda: Path("layers.py").write_text(LAYERS.replace("ReLU", "SiLU")),
    "a picture is gone": lambda: Path("pictures/1.png").unlink(),
    "a file that the data read": lambda: Path("shift.txt").write_text("1"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_the_code_read_makes_all_stages_due(place, change):
    CHANGES[change]()

    with pytest.raises(StageError, match=r"autosplit stats. to be done again, .* has changed"):
        stages.STAGES["quantize"].run(place.run, {})
    assert redone()[0] == "stats"
    assert redone() == []


def test_data_that_are_others_though_no_file_changed(place, monkeypatch):
    monkeypatch.setenv("SCALE", "2")

    assert redone()[:2] == ["stats", "search"]


def test_a_file_that_the_evaluation_alone_reads(place):
    """No plan keeps the answers that it gave on the images of before."""
    before = Path("run/stages/scores/float.json").read_bytes()
    Path("late.txt").write_text("0.5")

    assert "quantize" in redone()
    assert Path("run/stages/scores/float.json").read_bytes() != before


def test_a_network_that_is_another_each_time_is_refused(place):
    draw = "    network[1].bias.data.fill_(numpy.random.rand())\n    return"
    Path("net.py").write_text("import numpy\n" + NETWORK.replace("    return", draw))

    with pytest.raises(StageError, match="its weights differ"):
        redone()
