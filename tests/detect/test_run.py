"""Detecting on pictures with a tiny network whose one box is known, alone and beside a plan."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from red_cells import plan_of

from autosplit.cli.app import main
from autosplit.data.photo_file import read_photo
from autosplit.detect.detector import make_detector
from autosplit.detect.drawing import GAP
from autosplit.detect.run import detect_picture, list_pictures
from autosplit.errors import DataError
from autosplit.plan.planfile import write_plan


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

    detected, drawn = detect_picture(
        make_detector(model, blind), place / "pictures" / "a.png", place / "x.png"
    )

    assert {name: len(found) for name, found in detected.found.items()} == {"float": 1, "half": 0}
    assert (detected.same, detected.crossed_bytes) == (0, 2)
    head, panel = drawn.height - 512, 512 + GAP
    blue = drawn.getpixel((2 * panel + 4 * 96, head + 4 * 40))  # lower edge, third panel
    assert blue == (0x1F, 0x77, 0xB4)
    assert drawn.getpixel((panel + 4 * 96, head + 4 * 40)) == (255, 0, 0)  # no box in the second


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGBA", "1"])
def test_pictures_of_any_kind_are_taken(place, model, mode):
    path = place / "c.tif"
    Image.new("RGB", (50, 70), (255, 255, 255)).convert(mode).save(path)

    detected, _ = detect_picture(make_detector(model), path, place / "c.png")

    assert len(detected.found["float"]) == 0


def test_a_grayscale_picture_of_16_bits_keeps_its_shades(place):
    Image.fromarray(np.array([[0, 256 * 100, 65535]], np.uint16)).save(place / "deep.png")

    assert np.asarray(read_photo(place / "deep.png")).tolist() == [[0, 100, 255]]


def test_a_picture_of_one_pixel_is_a_picture(place, model):
    Image.new("RGB", (1, 1), (255, 0, 0)).save(place / "dot.png")

    detected, drawn = detect_picture(make_detector(model), place / "dot.png", place / "d.png")

    assert detected.found["float"].classes.tolist() == [1, 1, 1, 1]
    assert drawn.size == (400, 400)


def test_pictures_of_one_stem_do_not_overwrite_each_other(place, model):
    Image.new("RGB", (8, 8)).save(place / "pictures" / "a.jpg")

    assert main(["detect", *LINE.split(), "pictures"]) == 0

    names = sorted(path.name for path in (place / "out").iterdir())
    assert names == ["a.jpg.png", "a.png.png", "b.png", "detections.csv"]


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
