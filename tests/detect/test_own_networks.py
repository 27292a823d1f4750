"""Networks of one's own behind ``--decode``: their weights are set so that every box is known.

A cell of the map is red or green in the middle of a picture of 64 pixels, so that one box of the
size of the cell is the answer: of class 0 where it is red, of class 1 where it is green.
"""

import csv

import pytest
import torch
from PIL import Image

from autosplit.cli.app import main
from autosplit.models.load import load_model

OWN = '''
import torch
from torch import nn

STRIDES = (8, 16, 32)


class Own(nn.Module):
    """Maps of three strides: numbers of a box that are always the same, then two colours."""

    def __init__(self, box, rows=None):
        super().__init__()
        self.maps, self.rows = nn.ModuleList(), rows
        for stride in STRIDES:
            conv = nn.Conv2d(3, len(box) + 2, stride, stride)
            nn.init.zeros_(conv.weight)
            for kind in (0, 1):  # 40 times the mean of one colour less that of the other
                conv.weight.data[len(box) + kind, kind] = 40 / stride**2
                conv.weight.data[len(box) + kind, 1 - kind] = -40 / stride**2
            conv.bias.data[:] = torch.tensor([*box, -20.0, -20.0])
            self.maps.append(conv)

    def forward(self, images):
        found = tuple(conv(images) for conv in self.maps)
        return found if self.rows is None else self.rows(found)


def centres(found):
    """Middle of each cell and its size, pixels, (1, A, 4)."""
    parts = []
    for one, stride in zip(found, STRIDES):
        count = one.shape[-1]
        at = (torch.arange(count) + 0.5) * stride
        y, x = torch.meshgrid(at, at, indexing="ij")
        size = torch.full((count * count,), float(stride))
        parts.append(torch.stack([x.flatten(), y.flatten(), size, size], 1))
    return torch.cat(parts)[None]


def numbers(found, first):
    return torch.cat([one.flatten(2)[:, first:] for one in found], 2).sigmoid().transpose(1, 2)


def pixels(found):  # centre and size, two probabilities
    kinds = numbers(found, 0)
    return torch.cat([centres(found).expand(len(kinds), -1, -1), kinds], 2).transpose(1, 2)


def with_object(found):  # the same, and that there is something
    kinds = numbers(found, 0)
    box = centres(found).expand(len(kinds), -1, -1)
    return torch.cat([box, torch.ones_like(kinds[..., :1]), kinds], 2)


def in_cells(found):  # half a cell, and e^0 cells
    kinds = numbers(found, 0)
    half, none = torch.full_like(kinds, 0.5), torch.zeros_like(kinds)
    return torch.cat([half, none, torch.ones_like(kinds[..., :1]), kinds], 2)


EXAMPLE = torch.zeros(1, 3, 64, 64)
HALF = [20.0, 20.0] + [0.0] * 14  # bins of 0 and 1 cells, as likely: half a cell


def yolov8():
    return Own(HALF * 4), EXAMPLE


def yolov8_rows():
    return Own([], pixels), EXAMPLE


def yolov8_tuple():
    return Own(HALF * 4), (EXAMPLE,)


def yolox():
    return Own([0.5, 0.5, 0.0, 0.0, 20.0]), EXAMPLE


def yolox_rows():
    return Own([], in_cells), EXAMPLE


def yolov5_rows():
    return Own([], with_object), EXAMPLE
'''
FUNCTIONS = ("yolov8", "yolov8_tuple", "yolov8_rows", "yolox", "yolox_rows", "yolov5_rows")


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "own.names").write_text("red\ngreen\n")
    picture = Image.new("RGB", (64, 64))
    picture.paste((255, 0, 0), (24, 40, 32, 48))  # a cell of stride 8
    picture.paste((0, 255, 0), (32, 0, 48, 16))  # a cell of stride 16, and four of stride 8
    picture.save("a.png")
    return tmp_path


def boxes(path):
    with path.open() as file:
        rows = list(csv.DictReader(file))
    sides = ("left", "top", "right", "bottom")
    return {(row["class"], *(float(row[side]) for side in sides)) for row in rows}


RED = ("red", 24, 40, 32, 48)
GREEN = {("green", x, y, x + 8, y + 8) for x in (32, 40) for y in (0, 8)}
FOUND = {RED, ("green", 32, 0, 48, 16), *GREEN}


@pytest.mark.parametrize(
    ("function", "saved"),
    [*((name, False) for name in FUNCTIONS), ("yolov8", True), ("yolox_rows", True)],
)
def test_boxes_are_those_that_the_weights_say(place, function, saved):
    spec, way = f"own.py:{function}", function.partition("_")[0]
    if saved:
        model = load_model(spec)
        torch.export.save(torch.export.export(model.module, (model.example_input,)), "own.pt2")
        spec = "own.pt2"
    line = f"--model {spec} --decode {way} --names own.names --preprocess alexeyab"

    assert main(["detect", *line.split(), "--source", "a.png", "--out", "out"]) == 0

    assert boxes(place / "out" / "detections.csv") == FOUND


def test_whole_pictures_are_letterboxed_and_told_where_nothing_is_said(place, capsys):
    line = "--model own.py:yolov8 --decode yolov8 --names own.names --source a.png --out out"

    assert main(["detect", *line.split()]) == 0

    assert (
        "input:   whole pictures on grey 114, 64x64 (--preprocess ultralytics)"
        in capsys.readouterr().out
    )
    assert boxes(place / "out" / "detections.csv") == FOUND
