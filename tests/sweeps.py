"""A small sweep for tests: its files, and what is done with them."""

import csv

from autosplit.sweep import run as sweep

NETWORKS = """\
import torch
from torch import nn


def small():
    return nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.Flatten(), nn.Linear(36, 5)), INPUT


def wide():
    return nn.Sequential(nn.Conv2d(1, 8, 5, stride=3), nn.Flatten(), nn.Linear(32, 5)), INPUT


INPUT = torch.zeros(1, 1, 8, 8)
"""
DATA = """\
import torch


def data():
    images = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(3))
    return {"calibration": [images], "evaluation": [images]}
"""
SWEEP = """\
schema: autosplit/sweep/1
models:
  - {model: "net.py:small", memory: [300, 400, 5KB]}
  - {model: "net.py:wide", memory: 5000}
data: "data.py:data"
links: [20kbps, 1mbps]
methods: [autosplit, uniform4, uniform8, cloud16]
max_distortion: uniform8
seed: 0
"""
MEASURED = (
    SWEEP.replace("[300, 400, 5KB]", "300")
    .replace("max_distortion: uniform8", "max_drop: 25\nimages: 8\neffort: none")
    .replace("uniform4, uniform8", "neurosurgeon, uniform2, uniform8, cloud8")
)
LIMITS = {"small": (300, 400, 5000), "wide": (5000,)}


def run(place, where=None, **options):
    return sweep.run_sweep(place / "tiny.yaml", place, where, **options)


def read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def rewrite(place, old, new):
    text = (place / "tiny.yaml").read_text()
    assert old in text
    (place / "tiny.yaml").write_text(text.replace(old, new))


def read_header(path):
    return path.read_text().splitlines()[0].split(",")
