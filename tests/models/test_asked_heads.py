"""How outputs become boxes, and names of classes, as a person asks for them."""

import warnings

import pytest
import torch

from autosplit.data.asked_preprocess import AskedPreprocess, adjusted
from autosplit.data.preprocess import Letterbox, preprocess_for
from autosplit.errors import ModelError
from autosplit.models.asked_heads import DECODINGS, read_class_names
from autosplit.models.load import load_model
from autosplit.models.networks.yolo_decode import decode
from autosplit.models.sidecar import write_sidecar
from autosplit.runs.options import DECODE_NAMES

NETWORKS = """
import torch
from torch import nn

class Maps(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.one = nn.Conv2d(3, channels, 8, 8)
        self.two = nn.Conv2d(3, channels, 16, 16)

    def forward(self, x):
        return self.one(x), self.two(x)

class Rows(nn.Module):
    def __init__(self, numbers, turned):
        super().__init__()
        self.one = nn.Conv2d(3, numbers, 8, 8)
        self.turned = turned

    def forward(self, x):
        rows = self.one(x).flatten(2)
        return rows.transpose(1, 2) if self.turned else rows

class OfYolox(nn.Module):
    # YOLOX's rows at 64x96, decoded by loops over cells or not
    def __init__(self, decoded):
        super().__init__()
        self.one = nn.Conv2d(3, 8, 8, 8)
        self.decoded = decoded
        cells = [(x, y, s) for s in (8, 16, 32) for y in range(64 // s) for x in range(96 // s)]
        self.register_buffer("cells", torch.tensor(cells, dtype=torch.float))

    def forward(self, x):
        maps = self.one(x)
        parts = [maps, maps[:, :, ::2, ::2], maps[:, :, ::4, ::4]]
        rows = torch.cat([part.flatten(2).transpose(1, 2) for part in parts], 1)
        sure = rows[..., 4:].sigmoid()
        if not self.decoded:
            return torch.cat([rows[..., :4], sure], -1)
        corner, stride = self.cells[:, :2], self.cells[:, 2:]
        centre, size = (rows[..., :2] + corner) * stride, rows[..., 2:4].exp() * stride
        return torch.cat([centre, size, sure], -1)

def seeded(decoded):
    torch.manual_seed(0)
    return OfYolox(decoded), torch.rand(1, 3, 64, 96)

def rowsx(): return seeded(False)
def decodedx(): return seeded(True)
image = torch.zeros(1, 3, 64, 64)
def maps8(): return Maps(64 + 3), image
def mapsx(): return Maps(5 + 3), image
def rows8(): return Rows(4 + 3, False), image
def rows5(): return Rows(5 + 3, True), image
"""
CSP = """[net]
width=32
height=32
[convolutional]
filters=12
size=1
stride=8
activation=linear
[yolo]
mask=0,1
anchors=8,8, 16,16
num=2
classes=1
scale_x_y=1.05
"""


@pytest.fixture(autouse=True)
def _networks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(NETWORKS)
    (tmp_path / "my-csp.cfg").write_text(CSP)
    (tmp_path / "plain.cfg").write_text(CSP)


@pytest.mark.parametrize(
    ("function", "decode", "codings"),
    [
        ("maps8", "yolov8", ["yolov8", "yolov8"]),
        ("mapsx", "yolox", ["yolox", "yolox"]),
        ("rows8", "yolov8", ["yolov8-rows"]),
        ("rows5", "yolov5", ["yolov5-rows"]),
    ],
)
def test_heads_follow_from_the_shapes_of_the_outputs(function, decode, codings):
    model = load_model(f"nets.py:{function}", decode=decode)

    assert [head.coding for head in model.heads] == codings
    assert {head.classes for head in model.heads} == {3}
    assert model.labels == ("0", "1", "2")
    family = "yolox" if decode == "yolox" else "ultralytics"
    assert model.preprocess == Letterbox((64, 64), family)
    assert not model.assumed


def test_rows_that_yolox_decoded_are_recognized_and_give_the_same_boxes():
    raw = load_model("nets.py:rowsx", decode="yolox")
    with pytest.warns(UserWarning, match="boxes in pixels already, and are read as such"):
        decoded = load_model("nets.py:decodedx", decode="yolox")
    same = load_model("nets.py:decodedx", decode="yolov5")

    assert raw.heads[0].coding == "yolox-rows"
    assert decoded.heads == same.heads
    assert decoded.preprocess == Letterbox((64, 96), "yolox")
    pictures = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(1)) * 255
    found = [decode([one.module(pictures)], one.heads, (64, 96)) for one in (raw, decoded)]
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)
    with pytest.raises(ModelError, match="the rows are offsets in cells; take --decode yolox"):
        load_model("nets.py:rowsx", decode="yolov5")


def test_channels_and_means_that_a_file_beside_the_network_says_are_kept(tmp_path):
    network, image = torch.nn.Conv2d(3, 8, 8, 8).eval(), torch.zeros(1, 3, 64, 64)
    torch.export.save(torch.export.export(network, (image,)), tmp_path / "a.pt2")
    said = AskedPreprocess((0.5,), (0.25,), channels="rgb")
    cropped = adjusted(preprocess_for((1, 3, 64, 64)), said, "a")
    whole = Letterbox((64, 64), "darknet", 3, (0.1,) * 3)

    for prepare, kept in (
        (cropped, Letterbox((64, 64), "yolox", 3, (0.5,) * 3, (0.25,) * 3, bgr=False)),
        (whole, whole),
    ):
        write_sidecar(tmp_path / "a.pt2", prepare)
        assert load_model(str(tmp_path / "a.pt2"), decode="yolox").preprocess == kept


def test_names_say_how_many_bins_a_distance_has(tmp_path):
    (tmp_path / "data.yaml").write_text("names: {0: a, 1: b, 2: c, 3: d, 4: e, 5: f, 6: g}\n")

    model = load_model("nets.py:maps8", decode="yolov8", names=tmp_path / "data.yaml")
    assert model.heads[0].classes == 7
    assert model.labels == tuple("abcdefg")


@pytest.mark.parametrize(
    ("function", "decode", "problem"),
    [
        ("maps8", "yolov5", "yolov5 reads rows"),
        ("mapsx", "yolov8", "yolov8 reads maps"),
        ("rows5", "yolox", "yolox reads maps"),
        ("maps8", "scaled", "is for .cfg files"),
    ],
)
def test_outputs_of_another_kind_are_refused(function, decode, problem):
    with pytest.raises(ModelError, match=problem):
        load_model(f"nets.py:{function}", decode=decode)


def test_a_csp_file_without_new_coords_is_warned_of_and_may_be_decoded_the_other_way():
    with pytest.warns(UserWarning, match="--decode scaled"):
        usual = load_model("yolo:my-csp.cfg")
    with warnings.catch_warnings(action="error"):
        same = load_model("yolo:my-csp.cfg", decode="darknet")
        plain = load_model("yolo:plain.cfg")
        scaled = load_model("yolo:my-csp.cfg", decode="scaled")

    assert usual.heads == same.heads == plain.heads
    assert (scaled.heads[0].coding, scaled.heads[0].scale_x_y) == ("scaled", 2.0)


def test_names_are_read_from_a_list_and_must_fit(tmp_path):
    (tmp_path / "a.names").write_text("dog\n\ncat \n")
    (tmp_path / "one.names").write_text("dog\n")

    assert read_class_names(tmp_path / "a.names") == ("dog", "cat")
    assert load_model("yolo:plain.cfg", names=tmp_path / "one.names").labels == ("dog",)
    with pytest.raises(ModelError, match="must name 1 class, got 2 names"):
        load_model("yolo:plain.cfg", names=tmp_path / "a.names")
    with pytest.raises(ModelError, match="No such file"):
        read_class_names(tmp_path / "none.names")


def test_the_options_name_every_way_to_decode():
    assert DECODE_NAMES == DECODINGS
