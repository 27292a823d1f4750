"""A tiny network with its data and device, as files of a person."""

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


GIVEN = {
    "model": "net.py:net",
    "data": "data.py:data",
    "edge": "toy.yaml",
    "links": ("1mbps", "20kbps"),
}
