"""Sweep files: what they may say, and everything wrong with them at once."""

from pathlib import Path

import pytest
from sweeps import SWEEP, rewrite
from yaml import safe_load

from autosplit.errors import FileError
from autosplit.search.methods import METHODS
from autosplit.sweep.file import read_sweep_file

WRONG = [
    ("data:", "dta:", ["unknown key 'dta', did you mean 'data'?"]),
    ("models:\n", "models: []\nold:\n", ["models: must be a list", "unknown key 'old'"]),
    ("uniform4", "unifrm4", ["methods: unknown name ", "did you mean 'uniform4'?"]),
    ("autosplit, uniform4", "uniform4, uniform4", ["methods: each must be listed once"]),
    ("[autosplit, uniform4, uniform8, cloud16]", "some", ["methods: unknown name 'some'"]),
    ("max_distortion: uniform8", "max_distortion: uniform2", ["max_distortion: must be a number"]),
    (
        "max_distortion: uniform8",
        "max_distortion: -1",
        ["max_distortion: must be a number of at "],
    ),
    ("[300, 400, 5KB]", "[300, 4 KBit]", ["models: 1: memory: must be a size such as 4MB"]),
    ("[300, 400, 5KB]", "-1", ["models: 1: memory: must be a size such as 4MB"]),
    ("net.py:wide", "net.py:small", ["models: 2: name: must be unique, got 'small' again"]),
    ('{model: "net.py:wide", ', "{mdel: x, ", ["models: 2: unknown key 'mdel', did you mean"]),
    ("[20kbps, 1mbps]", "[20kbps, 1mbsp]", ["links: link '1mbsp': must be a shipped name"]),
    ("[20kbps, 1mbps]", "[1mbps, 1mbps]", ["links: each must be listed once"]),
    ("[20kbps, 1mbps]", "7", ["links: must be a list of names, got 7"]),
    ("seed: 0", "figure: latncy", ["unknown figure 'latncy', did you mean 'latency'?"]),
    ("seed: 0", "widths: [2, 9]", ["widths: must be whole numbers from 1 to 8"]),
    ("seed: 0", "coding: huffman", ["coding: must be none, packed or entropy, got 'huffman'"]),
    ("seed: 0", "edges: [eyeris]", ["edges: device 'eyeris': must be", "'eyeriss'"]),
    ("seed: 0", "seed: x", ["seed: must be a whole number from 0 to 4294967295, got 'x'"]),
    ("seed: 0", "calibration_images: -1", ["calibration_images: must be a whole number"]),
    ("schema: autosplit/sweep/1", "schema: autosplit/plan/1", ["must begin with 'schema: auto"]),
]


@pytest.mark.parametrize(("old", "new", "texts"), WRONG)
def test_a_wrong_sweep_file_says_what_is_wrong(tmp_path, old, new, texts):
    (tmp_path / "tiny.yaml").write_text(SWEEP)
    rewrite(tmp_path, old, new)

    with pytest.raises(FileError) as error:
        read_sweep_file(tmp_path / "tiny.yaml")

    for text in texts:
        assert text in str(error.value)
    assert "\n" not in str(error.value)


def test_everything_wrong_with_a_sweep_file_is_said_at_once(tmp_path):
    text = SWEEP
    for old, new in (("data:", "dta:"), ("uniform4", "unifrm4"), ("1mbps", "1mbsp")):
        text = text.replace(old, new)
    (tmp_path / "tiny.yaml").write_text(text)

    with pytest.raises(FileError, match=r"dta.*1mbsp.*unifrm4"):
        read_sweep_file(tmp_path / "tiny.yaml")


def test_a_sweep_file_may_leave_out_what_has_a_default(tmp_path):
    path = tmp_path / "short.yaml"
    path.write_text("schema: autosplit/sweep/1\nmodels: [fashion-resnet]\nlinks: [lte]\n")

    got = read_sweep_file(path)

    assert [network.name for network in got.networks] == ["fashion_resnet"]
    assert got.networks[0].memory_bytes == ("device",)
    assert [device.name for device in (*got.edges, *got.clouds)] == ["eyeriss", "tpu_v1"]
    assert got.methods == tuple(METHODS)
    assert (got.max_distortion, got.figure) == (None, "")


@pytest.mark.parametrize("name", ["paper", "crossover"])
def test_the_shipped_sweep_files_are_right(name, request):
    got = read_sweep_file(request.config.rootpath / "experiments" / f"{name}.yaml")
    assert got.methods == tuple(METHODS)
    assert len(got.networks) == {"paper": 6, "crossover": 2}[name]
    assert len(got.links) == {"paper": 4, "crossover": 25}[name]


def test_the_sweeps_of_detectors_are_those_of_the_original():
    root = Path(__file__).parents[2] / "experiments"
    whole = safe_load((root / "yolo.yaml").read_text())
    parts = [safe_load((root / "yolo" / f"{name}.yaml").read_text()) for name in KILOBYTES]

    for part in parts:
        assert {**part, "models": None} == {**whole, "models": None}
    assert whole["models"] == [entry for part in parts for entry in part["models"]]
    found = [(e["model"], e["input_size"], e["memory"]) for e in whole["models"]]
    assert found == [
        (f"yolo:{name}", size, f"{kilobytes}KiB")
        for name, limits in KILOBYTES.items()
        for size, kilobytes in zip((416, 512, 608), limits, strict=True)
    ]


KILOBYTES = {
    "yolov3-tiny": (32768,) * 3,
    "yolov3": (131072, 262144, 524288),
    "yolov3-spp": (131072, 262144, 524288),
}
