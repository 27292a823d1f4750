"""yolov3-tiny with its COCO weights end to end; needs ``make yolo-weights``."""

import csv
from pathlib import Path

import pytest
from PIL import Image

from autosplit.cli.app import main
from autosplit.detect.sources import DetectSource
from autosplit.detect.video import VideoDrawing, about_video

YOLO = Path(__file__).parents[2] / "experiments" / "yolo"
WEIGHTS = YOLO / "yolov3-tiny.weights"
RUN = f"--model yolo:yolov3-tiny --weights {WEIGHTS} --data demo --metric mse --run run"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not WEIGHTS.is_file(), reason="needs 'make yolo-weights'"),
]


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run folder, searched with all on the edge at 8 bits and with split plans."""
    place = tmp_path_factory.mktemp("tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        assert main(["stats", *RUN.split(), "--calibration-images", "4"]) == 0
        line = "--run run --memory 32MiB --link 10mbps --methods autosplit2021,uniform8"
        assert main(["search", *line.split()]) == 0
        assert main(["latency", "--run", "run"]) == 0
    return place


CROPS = {
    "bird": ("imagenet_14_129.jpg", (0, 0, 512, 342)),
    "truck": ("imagenet_06_609.jpg", (0, 68, 512, 434)),
    "hound": ("imagenet_00_243.jpg", (91, 0, 457, 512)),
}
"""Photos of foolbox, cut so that none is square: file, and left, top, right and bottom."""


def photo_file(name, folder):
    """One of the photos of foolbox, cut; or one of Darknet's, which no package has."""
    if name in CROPS:
        file, box = CROPS[name]
        foolbox = pytest.importorskip("foolbox")
        with Image.open(Path(foolbox.__file__).parent / "data" / file) as photo:
            photo.crop(box).save(folder / f"{name}.png")
        return folder / f"{name}.png"
    path = YOLO / f"{name}.jpg"
    if not path.is_file():
        pytest.skip(f"needs Darknet's data/{path.name} as {path.name} beside the weights")
    return path


LEAST = {"darknet": "0.5", "alexeyab": "0.25"}
"""Least score that pjreddie's Darknet prints, and AlexeyAB's."""


# printed by the two programs for these very files
@pytest.mark.parametrize(
    ("photo", "style", "scores"),
    [
        ("bird", "darknet", {"bird": [0.91, 0.68]}),
        ("truck", "darknet", {"truck": [0.76]}),
        ("hound", "darknet", {"dog": [0.58]}),
        ("bird", "alexeyab", {"bird": [0.68, 0.54]}),
        ("truck", "alexeyab", {}),
        ("hound", "alexeyab", {"dog": [0.29]}),
        (
            "dog",
            "darknet",
            {"dog": [0.57], "car": [0.62, 0.52], "truck": [0.56], "bicycle": [0.59]},
        ),
        ("person", "darknet", {"horse": [0.94], "dog": [0.91, 0.90], "person": [0.86]}),
        ("eagle", "darknet", {"bird": [0.76]}),
        (
            "dog",
            "alexeyab",
            {"dog": [0.81], "bicycle": [0.38], "car": [0.71, 0.40], "truck": [0.62, 0.42]},
        ),
        ("person", "alexeyab", {"dog": [0.89, 0.81], "person": [0.98], "sheep": [0.83]}),
        ("eagle", "alexeyab", {"bird": [0.76]}),
    ],
)
def test_scores_are_those_of_darknet(tmp_path, photo, style, scores):
    path = photo_file(photo, tmp_path)
    line = f"--model yolo:yolov3-tiny --weights {WEIGHTS} --preprocess {style} --source {path}"
    assert (
        main(["detect", *line.split(), "--score", LEAST[style], "--out", str(tmp_path / "out")])
        == 0
    )

    found = {}
    for row in rows(tmp_path / "out" / "detections.csv"):
        found.setdefault(row["class"], []).append(float(row["score"]))
    assert {name: sorted(values, reverse=True) for name, values in found.items()} == {
        name: pytest.approx(values, abs=0.02) for name, values in scores.items()
    }


def test_all_on_the_edge_at_8_bits_finds_what_the_float_network_finds(folder, monkeypatch):
    monkeypatch.chdir(folder)
    line = "--run run --effort none --plans uniform8"
    assert main(["quantize", *line.split()]) == 0

    scores = {row["name"]: row for row in rows(folder / "run" / "scores.csv")}
    assert float(scores["uniform8"]["ap50_vs_float"]) >= 0.95


def test_a_split_quantized_plan_runs_over_a_video_of_10_seconds(folder, monkeypatch, tmp_path):
    foolbox = pytest.importorskip("foolbox")
    data = Path(foolbox.__file__).parent / "data"
    names = ("imagenet_14_129.jpg", "imagenet_06_609.jpg", "imagenet_00_243.jpg")
    photos = [Image.open(data / name).convert("RGB").resize((416, 416)) for name in names]
    clip = VideoDrawing(tmp_path / "clip.mp4", 4)
    for number in range(40):
        clip.add(photos[number * len(photos) // 40])
    clip.close()
    monkeypatch.chdir(folder)
    plans = rows(folder / "run" / "plans.csv")
    inside = [plan for plan in plans if 2 <= int(plan["edge_layers"]) <= 20]
    split = min(inside, key=lambda plan: float(plan["distortion"]))["name"]  # not one of 2 bits

    line = f"--run run --plan {split} --source {tmp_path / 'clip.mp4'} --out {tmp_path / 'out'}"
    assert main(["detect", *line.split()]) == 0

    drawn = about_video(DetectSource(str(tmp_path / "out" / "clip.mp4"), "clip", is_video=True))
    assert (drawn.rate, drawn.frames) == (4, 40)
    times = rows(tmp_path / "out" / "times.csv")
    assert all(int(row["wire_bytes"]) > 0 for row in times if row["network"] == split)
    found = [r for r in rows(tmp_path / "out" / "detections.csv") if r["network"] == split]
    assert {"bird", "truck", "dog"} <= {row["class"] for row in found}
