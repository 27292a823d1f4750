"""A tiny network with its data, and a finished run folder of it."""

import shutil
from types import SimpleNamespace

import pytest

from autosplit.runs import stages

NETWORK = """\
import torch
from torch import nn


def net():
    layers = [
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(96, 5),
    ]
    return nn.Sequential(*layers), torch.zeros(1, 1, 8, 8)
"""
DATA = """\
import torch


def data():
    images = torch.randn(12, 1, 8, 8, generator=torch.Generator().manual_seed(3))
    labels = torch.arange(12) % 5
    evaluation = [(images[:7], labels[:7]), (images[7:], labels[7:])]
    return {"calibration": [images[:8]], "evaluation": evaluation}
"""
EDGE = """\
schema: autosplit/device/1
name: toy
source: made up for a test
model: roofline
float_bits: 32
memory_bytes: 100000
bandwidth_bytes_per_s: 1.0e+6
peak_macs_per_s: {8: 1.0e+6, 32: 2.5e+5}
"""


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A finished run in a place that no test may change; ``tiny`` gives a copy."""
    place = tmp_path_factory.mktemp("tiny")
    (place / "net.py").write_text(NETWORK)
    (place / "data.py").write_text(DATA)
    (place / "toy.yaml").write_text(EDGE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        outcomes = list(stages.run(place / "run", GIVEN))
    return SimpleNamespace(place=place, outcomes=outcomes)


GIVEN = {
    "model": "net.py:net",
    "data": "data.py:data",
    "edge": "toy.yaml",
    "links": ("1mbps", "20kbps"),
}


@pytest.fixture
def tiny(finished, tmp_path, monkeypatch):
    """A folder of its own, made the current one, with a finished run of a tiny network in it.

    Attributes of what it gives: ``place``, the folder; ``run``, the run folder; ``given``, the
    options it was made with.
    """
    place = tmp_path / "tiny"
    shutil.copytree(finished.place, place)
    monkeypatch.chdir(place)
    return SimpleNamespace(place=place, run=place / "run", given=dict(GIVEN))
