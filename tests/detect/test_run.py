"""Detecting on pictures with a tiny network whose one box is known, alone and beside a plan."""

import csv
import struct
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from red_cells import plan_of

from autosplit.cli.app import main
from autosplit.data.photo_file import read_photo
from autosplit.detect.detector import make_detector
from autosplit.detect.drawing import GAP
from autosplit.detect.run import detect_picture
from autosplit.detect.sources import DetectSource
from autosplit.detect.video import VideoDrawing, about_video
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
    lines = out.splitlines()
    assert lines[:4] == [
        # 3 x 3 + 3 and 7 x 3 + 7 numbers; 4 cells of 3 x 3 and 7 x 3 products
        "network: red, 40 parameters (160 bytes in float32), 120 multiply-accumulates",
        "input:   whole pictures on grey, 64x64 (--preprocess darknet), RGB in 0..1",
        "a.png: float finds 1",
        "b.png: float finds 1",
    ]
    assert lines[-1] == "table:   out/detections.csv, times in out/times.csv"
    first, second = table(place / "out" / "detections.csv")
    about = {
        "picture": "a.png",
        "frame": "",
        "time_s": "",
        "network": "float",
        "class": "red thing",
        "score": "1.0",
    }
    assert first == about | BOX
    assert (second["picture"], second["left"], second["right"]) == ("b.png", "16.0", "48.0")
    assert size_of(place / "out" / "a.png") == (512, 512)  # enlarged to draw on


def test_a_plan_runs_beside_the_float_network(place, model, capsys):
    detector = make_detector(model)
    write_plan(place / "half.yaml", plan_of(detector.program, 4))

    assert main(["detect", *LINE.split(), "pictures/a.png", "--plan", "half.yaml"]) == 0

    out, _ = capsys.readouterr()
    # 3 x 2 x 2 numbers of 4 bits
    assert "a.png: float finds 1, half finds 1, 1 of them the same; 6 bytes crossed" in out
    assert "plan:    half, 1 of 2 layers, 36 multiply-accumulates and" in out
    floated, split = table(place / "out" / "times.csv")
    assert (floated["edge_s"], floated["wire_bytes"], split["wire_bytes"]) == ("", "", "6")
    steps = [float(split[f"{step}_s"]) for step in ("read", "edge", "wire", "cloud", "boxes")]
    assert float(split["total_s"]) == pytest.approx(sum(steps), abs=1e-5)
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
        make_detector(model, blind), read_photo(place / "pictures" / "a.png"), "a.png"
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

    detected, _ = detect_picture(make_detector(model), read_photo(path), "c.tif")

    assert len(detected.found["float"]) == 0


def test_a_grayscale_picture_of_16_bits_keeps_its_shades(place):
    Image.fromarray(np.array([[0, 256 * 100, 65535]], np.uint16)).save(place / "deep.png")

    assert np.asarray(read_photo(place / "deep.png")).tolist() == [[0, 100, 255]]


def test_a_picture_of_one_pixel_is_a_picture(place, model):
    Image.new("RGB", (1, 1), (255, 0, 0)).save(place / "dot.png")

    detected, drawn = detect_picture(make_detector(model), read_photo(place / "dot.png"), "dot.png")

    assert detected.found["float"].classes.tolist() == [1, 1, 1, 1]
    assert drawn.size == (400, 400)


def test_pictures_of_one_stem_do_not_overwrite_each_other(place, model):
    Image.new("RGB", (8, 8)).save(place / "pictures" / "a.jpg")

    assert main(["detect", *LINE.split(), "pictures"]) == 0

    names = sorted(path.name for path in (place / "out").iterdir())
    assert names == ["a.jpg.png", "a.png.png", "b.png", "detections.csv", "times.csv"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"{LINE} empty", "empty: must hold pictures (.jpg "),
        (
            f"{LINE} absent",
            "absent: must be a picture, a video, a folder, a pattern, a list (.txt) or a c",
        ),
        (f"{LINE} cut.jpg", "cut.jpg: must be an image that can be read, got image file is trunc"),
        (f"{LINE} red.cfg", "red.cfg: must be an image that can be read, is of no kind that"),
        (f"{LINE} list.txt", "none.png: must be an image that can be read, there is no such file"),
        (f"{LINE} void.jpg", "void.jpg: must be an image that can be read, is empty"),
        (f"{LINE} void.gif", "void.gif: must be a GIF that can be read, is empty"),
        (
            f"{LINE} vast.bmp",
            "vast.bmp: must be an image that can be read, got Image size (3600000000 ",
        ),
        (f"{LINE} head.avi", "head.avi: must be a video"),
        (f"{LINE} 99", "99: must be the number of a camera that OpenCV can read, cannot be opened"),
        (f"{LINE} rtsp://127.0.0.1:9/x", "must be a stream that OpenCV can read, cannot be opened"),
        (f"{LINE} pictures --plan half", "must be a file such as plan.yaml without --run, got 'ha"),
        (f"{LINE} pictures --plan none.yaml", "none.yaml"),
        (f"{LINE} pictures --run absent", "'autosplit detect' needs 'autosplit stats' to be done"),
        (f"{LINE} pictures --out red.cfg", "red.cfg: must be a folder to write into, File exists"),
    ],
)
def test_bad_input_is_one_line(place, capsys, line, message):
    (place / "empty").mkdir()
    photo = place / "whole.jpg"
    Image.effect_noise((300, 300), 90).save(photo)
    (place / "cut.jpg").write_bytes(photo.read_bytes()[:5000])
    (place / "list.txt").write_text("none.png\n")
    for name in ("void.jpg", "void.gif"):
        (place / name).touch()
    # a bitmap (BMP) of 60,000 x 60,000 pixels, of which there is none
    head = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 54, 0, 0, 54, 40, 60000, 60000, 1, 24, *[0] * 6)
    (place / "vast.bmp").write_bytes(head)
    (place / "head.avi").write_bytes(b"RIFF\x04\x00\x00\x00AVI ")

    assert main(["detect", *line.split()]) == 1

    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err


def test_a_broken_picture_is_named_and_the_others_are_done(place, capsys):
    (place / "pictures" / "aa.png").write_bytes(b"no picture")

    assert main(["detect", *LINE.split(), "pictures"]) == 1

    out, err = capsys.readouterr()
    assert "aa.png: must be an image that can be read" in err
    assert "a.png: float finds 1\nb.png: float finds 1\n" in out
    assert [row["picture"] for row in table(place / "out" / "detections.csv")] == ["a.png", "b.png"]


def test_a_video_that_breaks_off_is_named_and_its_frames_are_kept(place, capsys):
    frame = Image.open(place / "pictures" / "a.png").convert("RGB")
    frame.save("pictures/c.gif", save_all=True, append_images=[Image.effect_noise((128, 128), 90)])
    whole = (place / "pictures" / "c.gif").read_bytes()
    (place / "pictures" / "c.gif").write_bytes(whole[:-5000])

    assert main(["detect", *LINE.split(), "pictures"]) == 1

    out, err = capsys.readouterr()
    assert "pictures/c.gif: frame 1 cannot be read, image file is truncated" in err
    assert "b.png: float finds 1\n" in out
    boxes = [(row["picture"], row["frame"]) for row in table(place / "out" / "detections.csv")]
    assert boxes == [("a.png", ""), ("b.png", ""), ("c.gif", "0")]
    with Image.open(place / "out" / "c.gif") as drawn:
        assert drawn.n_frames == 1


def test_every_frame_of_a_video_is_drawn_and_listed(place, capsys):
    frames = [Image.open(place / "pictures" / name).convert("RGB") for name in ("a.png", "b.png")]
    frames.append(Image.new("RGB", (128, 128)))
    frames[0].save("clip.gif", save_all=True, append_images=frames[1:], duration=250)

    assert main(["detect", *LINE.split(), "clip.gif"]) == 0

    out, _ = capsys.readouterr()
    assert "clip.gif: 3 frames, float finds 2\n" in out
    rows = table(place / "out" / "detections.csv")
    assert [(row["frame"], row["time_s"], row["left"]) for row in rows] == [
        ("0", "0.0", "80.0"),
        ("1", "0.25", "16.0"),
    ]
    with Image.open(place / "out" / "clip.gif") as drawn:
        assert (drawn.n_frames, drawn.size) == (3, (512, 512))


def test_a_plan_runs_on_a_video_up_to_a_number_of_frames(place, model, capsys):
    write_plan(place / "half.yaml", plan_of(make_detector(model).program, 4))
    frame = Image.open(place / "pictures" / "a.png").convert("RGB")
    clip = VideoDrawing(place / "clip.mp4", 10)
    for _ in range(4):
        clip.add(frame)
    clip.close()

    line = f"{LINE} clip.mp4 --plan half.yaml --frames 2"
    assert main(["detect", *line.split()]) == 0

    out, _ = capsys.readouterr()
    assert "clip.mp4: 2 frames, float finds 2, half finds 2, 2 of them the same" in out
    drawn = about_video(DetectSource("out/clip.mp4", "clip", is_video=True))
    assert (drawn.rate, drawn.frames) == (10, 2)
    assert len(table(place / "out" / "times.csv")) == 4
