"""Small files of kinds that people bring: each is read as it means, through the command line.

Expected values follow from the formulas, counted by hand beside each test.
"""

import csv
import json
import struct

import numpy as np
import pytest
import torch
from PIL import Image

from autosplit.cli.app import main
from autosplit.data.annotated import read_annotated
from autosplit.data.dirty import LabelRules
from autosplit.errors import AutoSplitWarning
from autosplit.models.load import load_model
from autosplit.models.networks.darknet import build_darknet

NET = "[net]\nwidth=64\nheight=64\nchannels={}\n"
FIRST = "[convolutional]\nbatch_normalize=1\nfilters=8\nsize=3\nstride={}\npad=1\nactivation={}\n"
SECOND = FIRST.replace("filters=8", "filters=16")
LAST = "[convolutional]\nfilters=12\nsize=1\nstride={}\nactivation={}\n"
YOLO = "[yolo]\nmask=0,1\nanchors=10,14, 23,27\nclasses=1\n"
BASE = NET.format(3) + FIRST.format(2, "leaky") + SECOND.format(4, "leaky")
SMALL = BASE + LAST.format(1, "linear") + YOLO


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "square.png")
    return tmp_path


def detected(place, text, *more):
    """Rows of the boxes that a network of a cfg finds on the square picture."""
    (place / "a.cfg").write_text(text)
    line = ["detect", "--model", "yolo:a.cfg", "--source", "square.png", "--out", "drawn", *more]
    assert main(line) == 0
    with (place / "drawn" / "detections.csv").open() as file:
        return list(csv.DictReader(file))


def weights_of(biases):
    """A file of 1,620 numbers: weights of the last layer 0, its biases as given."""
    first = [*[0.0] * 8, *[1.0] * 8, *[0.0] * 8, *[1.0] * 8, *[0.1] * (8 * 27)]
    second = [*[0.0] * 16, *[1.0] * 16, *[0.0] * 16, *[1.0] * 16, *[0.1] * (16 * 72)]
    numbers = [*first, *second, *biases, *[0.0] * (12 * 16)]
    return struct.pack(f"<iiiq{len(numbers)}f", 0, 2, 0, 0, *numbers)


def test_04_a_head_of_new_coords_finds_one_box_of_its_anchor_in_each_cell(place):
    """logistic(0) = 0.5: the size is 4 * 0.5^2 = 1 anchor, the centre the middle of the cell."""
    biases = [0.0, 0, 0, 0, 10, 10, 0, 0, 0, 0, -10, 0]
    (place / "a.weights").write_bytes(weights_of(biases))
    text = BASE + LAST.format(1, "logistic") + YOLO + "scale_x_y=2.0\nnew_coords=1\n"

    rows = detected(place, text, "--weights", "a.weights")

    assert len(rows) == 64
    assert {row["score"] for row in rows} == {"0.9999"}  # logistic(10)^2
    middle = [row for row in rows if float(row["left"]) > 0 and float(row["right"]) < 64]
    middle = [row for row in middle if float(row["top"]) > 0 and float(row["bottom"]) < 64]
    corners = [[float(row[side]) for side in ("left", "top", "right", "bottom")] for row in middle]
    assert len(corners) == 36  # the boxes of the outer cells are cut off at the border
    for left, top, right, bottom in corners:
        assert (right - left, bottom - top) == pytest.approx((10, 14))
        assert ((left + right) / 2) % 8 == pytest.approx(4)
        assert ((top + bottom) / 2) % 8 == pytest.approx(4)


def test_05_a_detector_of_yolov2_counts_its_anchors_in_cells(place):
    text = (
        NET.format(3)
        + FIRST.format(4, "leaky")
        + SECOND.format(2, "leaky")
        + "[route]\nlayers=-2\n[reorg]\nstride=2\n[route]\nlayers=-1,-3\n"
        + LAST.format(1, "linear")
        + "[region]\nanchors=1.25,1.75, 2.875,3.375\nbias_match=1\nclasses=1\ncoords=4\nnum=2\n"
        + "softmax=1\n"
    )
    detected(place, text)

    network = build_darknet(text)
    shapes = [(8, 16, 16), (16, 8, 8), (8, 16, 16), (32, 8, 8), (48, 8, 8), (12, 8, 8)]
    assert network.shapes[:6] == shapes
    assert network.heads[0].anchors == ((10, 14), (23, 27))  # 8 pixels a cell
    assert (network.heads[0].classes, network.heads[0].softmax) == (1, True)


def test_06_a_shortcut_adds_the_channels_that_both_layers_have(place):
    text = (
        NET.format(3)
        + FIRST.format(2, "leaky")
        + SECOND.format(1, "leaky")
        + "[shortcut]\nfrom=-2\nactivation=linear\n"
        + LAST.format(4, "linear")
        + YOLO
    )
    detected(place, text)

    network = build_darknet(text)
    assert network.shapes[2] == (16, 32, 32)
    after, before = torch.randn(2, 16, 4, 4), torch.randn(2, 8, 4, 4)
    added = getattr(network, "2")(after, before)
    torch.testing.assert_close(added[:, :8], after[:, :8] + before)
    torch.testing.assert_close(added[:, 8:], after[:, 8:])


def test_07_depthwise_layers_gates_and_h_swish_are_read(place):
    depthwise = FIRST.format(4, "relu6").replace("convolutional", "depthwise")
    text = (
        NET.format(3)
        + FIRST.format(2, "h_swish")
        + depthwise
        + "[se]\nfilters=8\n"
        + LAST.format(1, "linear")
        + YOLO
    )
    detected(place, text)

    network = build_darknet(text)
    swish = getattr(network, "0").activation(torch.tensor([1.0, -1.0]))
    assert swish.tolist() == pytest.approx([2 / 3, -1 / 3])
    # each channel of its own: 3 x 3 weights and two numbers of the batch norm
    assert sum(p.numel() for p in getattr(network, "1").parameters()) == 8 * (9 + 2)
    gate = getattr(network, "2")
    with torch.no_grad():
        gate.excite.weight.zero_()  # relu6(0 + 3) / 6
    features = torch.randn(1, 8, 4, 4)
    torch.testing.assert_close(gate(features), features / 2)


def test_08_an_earlier_layer_is_scaled_channel_by_channel(place):
    inner = "[convolutional]\nfilters={}\nsize=1\nstride=1\nactivation={}\n"
    text = (
        NET.format(3)
        + FIRST.format(2, "swish")
        + "[avgpool]\n"
        + inner.format(4, "swish")
        + inner.format(8, "logistic")
        + "[scale_channels]\nfrom=-4\n"
        + LAST.format(4, "linear")
        + YOLO
    )
    detected(place, text)

    network = build_darknet(text)
    assert network.shapes[4] == (8, 32, 32)
    gate, features = getattr(network, "3"), torch.randn(1, 8, 32, 32)
    with torch.no_grad():
        gate.weight.zero_()
        gate.bias.zero_()
    factors = gate(torch.randn(1, 4, 1, 1))  # logistic(0) = 0.5
    torch.testing.assert_close(getattr(network, "4")(factors, features), features / 2)


def test_09_a_network_of_one_channel_sees_grey_pictures(place):
    text = SMALL.replace("channels=3", "channels=1")
    detected(place, text)

    model = load_model("yolo:a.cfg")
    picture = Image.new("RGB", (64, 64), (200, 100, 50))
    grey = 0.299 * 200 + 0.587 * 100 + 0.114 * 50  # ITU-R 601, as Pillow's "L"
    found = model.preprocess(picture)
    assert found.shape == (1, 64, 64)
    assert float(found[0, 5, 5]) == pytest.approx(grey / 255, abs=0.5 / 255)
    # 8 (9 + 2) + 16 (72 + 2) + 12 x 16 + 12, without the statistics of the batch norms
    assert sum(p.numel() for p in model.module.parameters()) == 1476


BOX = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [4, 4, 20, 20], "area": 400, "iscrowd": 0}
ONE_PICTURE = {
    "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 48}],
    "annotations": [BOX],
    "categories": [{"id": 1, "name": "person"}],
}


def coco(place, **box):
    """A data set of one picture with one box."""
    (place / "data" / "annotations").mkdir(parents=True)
    (place / "data" / "val").mkdir()
    data = {**ONE_PICTURE, "annotations": [BOX | box]}
    (place / "data" / "annotations" / "instances_val.json").write_text(json.dumps(data))
    Image.new("RGB", (64, 48), (250, 90, 10)).save(place / "data" / "val" / "a.png")


RUN = (
    "run --model yolo:a.cfg --weights a.weights --data coco:data --memory 64KiB --link 10mbps "
    "--effort none --methods uniform8 --run out"
).split()
FINDS = [0.0, 0, 0, 0, 5, 5] * 2
"""Biases of a network that finds boxes everywhere."""


def test_01_one_class_of_coco_is_the_only_class_of_a_network(place):
    (place / "a.cfg").write_text(SMALL)
    (place / "a.names").write_text("person\n")
    coco(place)

    model = load_model("yolo:a.cfg")
    _, pictures = read_annotated(place / "data", LabelRules(labels=model.labels))

    assert pictures.classes == ("person",)
    assert pictures.files[0][1].classes == (0,)


@pytest.mark.parametrize(
    ("box", "problem"),
    [
        ({"iscrowd": 1}, "must have an AP, has none, every annotated box is of a crowd"),
        ({"bbox": [60, 44, 1, 1], "area": 1}, "must have an AP of at least 5 %, has 0.00 %"),
    ],
)
def test_02_a_network_that_fits_no_box_has_no_plan_as_accurate_as_itself(
    place, capsys, box, problem
):
    (place / "a.cfg").write_text(SMALL)
    (place / "a.weights").write_bytes(weights_of(FINDS))
    coco(place, **box)

    assert main(RUN) == 1

    told = capsys.readouterr().err
    assert told.count(problem) == 1
    assert "float network: is refused, as the warning says; to go on all the same: --force" in told
    assert "no labels" not in told
    assert not (place / "out" / "pick.yaml").exists()

    assert main([*RUN, "--force"]) == 0

    out = " ".join(capsys.readouterr().out.split())
    assert "AP against the float network's detections" in out
    assert (place / "out" / "pick.yaml").exists()


def darknet(place, line, turned=False):
    """A data set of one picture, 64 x 48 pixels as it is stored, with one line."""
    (place / "data" / "images").mkdir(parents=True)
    (place / "data" / "labels").mkdir()
    about = Image.Exif()
    if turned:
        about[0x0112] = 6  # the camera was turned: shown by a quarter turn to the right
    Image.new("RGB", (64, 48)).save(place / "data" / "images" / "a.jpg", exif=about)
    (place / "data" / "labels" / "a.txt").write_text(line)
    (place / "data" / "val.txt").write_text("images/a.jpg\n")
    (place / "data" / "hand.names").write_text("hand\n")


def test_03_a_turned_picture_has_its_boxes_as_it_is_shown(place):
    darknet(place, "0 0.5 0.25 0.4 0.2\n", turned=True)

    _, pictures = read_annotated(place / "data", LabelRules())

    truth = pictures.files[0][1]
    assert (truth.width, truth.height) == (48, 64)
    # centre 24, 16 and size 19.2, 12.8
    assert truth.boxes[0] == pytest.approx((14.4, 9.6, 19.2, 12.8))


@pytest.mark.parametrize(
    ("line", "box"),
    [
        ("0 0.1 0.1 0.9 0.1 0.9 0.9 0.5 0.5", (6.4, 4.8, 51.2, 38.4)),
        ("0 0.5 0.6 0.4 0.4 0.93", (19.2, 19.2, 25.6, 19.2)),
        ("0.0 0.5 0.5 0.4 0.4", (19.2, 14.4, 25.6, 19.2)),
        ("0 0.9 0.5 0.2 1.0001", (51.2, 0, 12.8, 48)),
    ],
)
def test_10_lines_as_tools_write_them_are_boxes(place, line, box):
    darknet(place, f"{line}\n")

    _, pictures = read_annotated(place / "data", LabelRules())

    assert pictures.files[0][1].boxes[0] == pytest.approx(box, abs=1e-4)
    assert pictures.classes == ("hand",)
    (place / "data" / "labels" / "a.txt").write_text(f"{line} x\n")
    with pytest.raises(AutoSplitWarning, match=r"a\.txt:1: must be a class and the centre"):
        read_annotated(place / "data", LabelRules())
