"""Detecting on pictures with a tiny network whose one box is known, alone and beside a plan."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from autosplit.cli.app import main
from autosplit.data.photos import read_photo
from autosplit.detect.drawing import GAP
from autosplit.detect.run import compare, list_pictures, look, make_detector
from autosplit.errors import DataError, ModelError
from autosplit.graph.memory import crossing_bytes, edge_memory_bytes
from autosplit.grid.grid import Grid
from autosplit.models.load import load_model
from autosplit.models.networks.darknet import build_darknet
from autosplit.models.networks.darknet_weights import write_weights
from autosplit.models.networks.yolo_decode import Detections
from autosplit.plan.plan import Plan
from autosplit.plan.planfile import PlanFile, write_plan

CFG = """\
[net]
width=64
height=64
[convolutional]
filters=3
size=1
stride=32
activation=leaky
[convolutional]
filters=7
size=1
activation=linear
[yolo]
anchors=16,8
classes=2
"""
# Layer 0 hands on the top left pixel of each of the four cells.  A red pixel is class 1 for sure,
# any other nothing; the box is the anchor in the middle of the cell.
RED = torch.tensor([[0.0] * 3] * 4 + [[40.0, -40, -40], [-20, 0, 0], [20, 0, 0]])
BIAS = torch.tensor([0.0, 0, 0, 0, -20, 0, 0])


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A network's files and a folder of pictures."""
    monkeypatch.chdir(tmp_path)
    network = build_darknet(CFG)
    first, last = getattr(network, "0"), getattr(network, "1")
    with torch.no_grad():
        first.weight.copy_(torch.eye(3)[:, :, None, None])
        first.bias.zero_()
        last.weight.copy_(RED[:, :, None, None])
        last.bias.copy_(BIAS)
    write_weights(network, tmp_path / "red.weights")
    (tmp_path / "red.cfg").write_text(CFG)
    (tmp_path / "red.names").write_text("blue thing\nred thing\n")
    (tmp_path / "pictures").mkdir()
    pixels = np.zeros((128, 128, 3), np.uint8)
    pixels[:64, 64:, 0] = 255  # the cell on the top right
    Image.fromarray(pixels).save(tmp_path / "pictures" / "a.png")
    Image.fromarray(pixels[:, ::-1].copy()).save(tmp_path / "pictures" / "b.png")
    return tmp_path


@pytest.fixture
def model(place):
    return load_model("yolo:red.cfg", weights="red.weights")


def plan_of(program, bits):
    """A plan with the first layer on the edge."""
    cut = program.graph.prefix(1)
    weights = {"0": Grid.of(8, (1 / 100,) * 3, (128,) * 3)}
    (image,) = program.graph.inputs
    activations = {name: Grid.of(bits, (1 / (2**bits - 1),), (0,)) for name in (image, "0")}
    widths = dict.fromkeys(activations, bits)
    plan = Plan(
        name="half",
        method="test",
        edge=cut.edge,
        weight_bits={"0": 8},
        activation_bits=widths,
        distortion=0.0,
        lower_bound=0.0,
        edge_memory_bytes=edge_memory_bytes(cut, {"0": 8}, widths),
        crossing_bytes=crossing_bytes(cut, widths),
    )
    return PlanFile(plan, weights, activations, program.graph.name, "")


def table(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def size_of(path):
    with Image.open(path) as picture:
        return picture.size


LINE = "--model yolo:red.cfg --weights red.weights --out out --source"
BOX = {"left": "80.0", "top": "24.0", "right": "112.0", "bottom": "40.0"}  # of a.png, 128 pixels


def test_the_float_network_finds_the_red_cell(place, capsys):
    assert main(["detect", *LINE.split(), "pictures"]) == 0

    out, _ = capsys.readouterr()
    assert out.splitlines() == [
        "a.png: float finds 1",
        "b.png: float finds 1",
        "table:  out/detections.csv",
    ]
    first, second = table(place / "out" / "detections.csv")
    about = {"picture": "a.png", "network": "float", "class": "red thing", "score": "1.0"}
    assert first == about | BOX
    assert (second["picture"], second["left"], second["right"]) == ("b.png", "16.0", "48.0")
    assert size_of(place / "out" / "a.png") == (512, 512)  # enlarged to draw on


def test_a_plan_runs_beside_the_float_network(place, model, capsys):
    detector = make_detector(model)
    write_plan(place / "half.yaml", plan_of(detector.program, 4))

    assert main(["detect", *LINE.split(), "pictures/a.png", "--plan", "half.yaml"]) == 0

    out, _ = capsys.readouterr()
    # 3 x 2 x 2 numbers of 4 bits
    assert out.splitlines()[0] == (
        "a.png: float finds 1, half finds 1, 1 of them the same; 6 bytes crossed"
    )
    first, second = table(place / "out" / "detections.csv")
    assert (first["network"], second["network"]) == ("float", "half")
    assert {key: second[key] for key in BOX} == BOX
    width, height = size_of(place / "out" / "a.png")
    assert width == 3 * 512 + 2 * GAP
    assert height > 512


def test_the_difference_says_what_only_one_network_finds(place, model):
    program = make_detector(model).program
    blind = plan_of(program, 1)
    wire = {"0": replace(blind.activations["0"], scale=(0.01,))}  # what crosses is nearly black
    blind = replace(blind, activations={**blind.activations, **wire})

    seen, drawn = look(make_detector(model, blind), place / "pictures" / "a.png", place / "x.png")

    assert {name: len(found) for name, found in seen.found.items()} == {"float": 1, "half": 0}
    assert (seen.same, seen.crossed_bytes) == (0, 2)
    head, panel = drawn.height - 512, 512 + GAP
    blue = drawn.getpixel((2 * panel + 4 * 96, head + 4 * 40))  # lower edge, third panel
    assert blue == (0x1F, 0x77, 0xB4)
    assert drawn.getpixel((panel + 4 * 96, head + 4 * 40)) == (255, 0, 0)  # no box in the second


def boxes(*rows):
    numbers = torch.tensor(rows).reshape(-1, 6)
    return Detections(numbers[:, :4], numbers[:, 4], numbers[:, 5].long())


def test_boxes_are_the_same_if_they_overlap_by_half_and_are_of_one_class():
    first = boxes((0.0, 0, 10, 10, 0.9, 1), (20, 0, 30, 10, 0.8, 1), (40, 0, 50, 10, 0.7, 0))
    second = boxes(
        (20.0, 0, 30, 9, 0.9, 1),
        (0, 0, 10, 10, 0.8, 0),  # another class
        (21, 0, 31, 10, 0.7, 1),  # the first took its partner
        (40, 5.1, 50, 15, 0.6, 0),  # overlaps by less than half
        (0, 0, 10, 6, 0.5, 1),
    )

    assert compare(first, second).pairs == ((0, 4), (1, 0))
    assert compare(boxes(), second).pairs == ()
    assert compare(first, boxes()).pairs == ()


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGBA", "1"])
def test_pictures_of_any_kind_are_taken(place, model, mode):
    path = place / "c.tif"
    Image.new("RGB", (50, 70), (255, 255, 255)).convert(mode).save(path)

    seen, _ = look(make_detector(model), path, place / "c.png")

    assert len(seen.found["float"]) == 0


def test_a_grayscale_picture_of_16_bits_keeps_its_shades(place):
    Image.fromarray(np.array([[0, 256 * 100, 65535]], np.uint16)).save(place / "deep.png")

    assert np.asarray(read_photo(place / "deep.png")).tolist() == [[0, 100, 255]]


def test_a_picture_of_one_pixel_is_a_picture(place, model):
    Image.new("RGB", (1, 1), (255, 0, 0)).save(place / "dot.png")

    seen, drawn = look(make_detector(model), place / "dot.png", place / "d.png")

    assert seen.found["float"].classes.tolist() == [1, 1, 1, 1]
    assert drawn.size == (400, 400)


def test_pictures_of_one_stem_do_not_overwrite_each_other(place, model):
    Image.new("RGB", (8, 8)).save(place / "pictures" / "a.jpg")

    assert main(["detect", *LINE.split(), "pictures"]) == 0

    names = sorted(path.name for path in (place / "out").iterdir())
    assert names == ["a.jpg.png", "a.png.png", "b.png", "detections.csv"]


def test_a_network_that_is_no_detector_is_refused():
    with pytest.raises(ModelError, match="must be a detector with yolo sections, such as yolo:"):
        make_detector(load_model("fashion-resnet"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"{LINE} empty", "empty: must hold pictures (.jpg "),
        (f"{LINE} none", "none: must be a picture or a folder of pictures, there is none"),
        (f"{LINE} cut.jpg", "cut.jpg: must be an image that can be read, got image file is trunc"),
        (f"{LINE} red.cfg", "red.cfg: must be an image that can be read, got cannot identify"),
        (f"{LINE} pictures --plan half", "must be a file such as plan.yaml without --run, got 'ha"),
        (f"{LINE} pictures --plan none.yaml", "none.yaml"),
        (f"{LINE} pictures --run none", "'autosplit detect' needs 'autosplit stats' to be done"),
        (f"{LINE} pictures --out red.cfg", "red.cfg: must be a folder to write into, File exists"),
    ],
)
def test_bad_input_is_one_line(place, capsys, line, message):
    (place / "empty").mkdir()
    photo = place / "whole.jpg"
    Image.effect_noise((300, 300), 90).save(photo)
    (place / "cut.jpg").write_bytes(photo.read_bytes()[:5000])

    assert main(["detect", *line.split()]) == 1

    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err


def test_a_folder_is_listed_by_name_and_other_files_left_out(place):
    (place / "pictures" / "notes.txt").touch()

    assert [path.name for path in list_pictures(place / "pictures")] == ["a.png", "b.png"]
    with pytest.raises(DataError):
        list_pictures(place / "none")
