"""torchvision's detectors through every stage: statistics, plans, seconds, scores, drawings."""

import csv
from pathlib import Path

import pytest
import torch
from spread import spread_detector

from autosplit.cli.app import main
from autosplit.models.load import load_model
from autosplit.models.torchvision_detector import detector_names

NAMES = detector_names()
SMALL = ("ssd300_vgg16", "ssdlite320_mobilenet_v3_large")
"""Networks of one input size; the others run on pictures of 128 pixels."""
STATS = "--data demo --calibration-images 2 --metric mse --run run"
SEARCH = "--run run --memory 1GiB --link 10mbps --methods autosplit2021,uniform8"


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def weights_file(name, size, path):
    """Write spread weights of the whole detector."""
    model = load_model(f"torchvision:{name}", input_size=size)
    picture = torch.rand(3, *model.preprocess.size, generator=torch.Generator().manual_seed(1))
    whole = spread_detector(model, picture)
    torch.save(whole.state_dict(), path)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_detector_goes_through_every_stage(name, tmp_path, monkeypatch):
    foolbox = pytest.importorskip("foolbox")
    monkeypatch.chdir(tmp_path)
    size = None if name in SMALL else 128
    weights_file(name, size, tmp_path / "a.pt")
    model = f"--model torchvision:{name} --checkpoint a.pt" + (
        f" --input-size {size}" if size else ""
    )

    assert main(["stats", *model.split(), *STATS.split()]) == 0
    assert main(["search", *SEARCH.split()]) == 0
    assert main(["latency", "--run", "run"]) == 0
    plans = rows(tmp_path / "run" / "plans.csv")
    layers = len(rows(tmp_path / "run" / "layers.csv"))
    inside = [plan for plan in plans if 2 <= int(plan["edge_layers"]) < layers]
    split = min(inside, key=lambda plan: float(plan["distortion"]))["name"]
    line = f"--run run --effort none --images 2 --plans uniform8,{split}"
    assert main(["quantize", *line.split()]) == 0
    scores = {row["name"]: row for row in rows(tmp_path / "run" / "scores.csv")}
    picture = Path(foolbox.__file__).parent / "data" / "imagenet_14_129.jpg"
    line = f"--run run --plan {split} --source {picture} --out out"
    assert main(["detect", *line.split()]) == 0

    assert all(float(scores[plan]["ap50_vs_float"]) > 0 for plan in ("uniform8", split))
    assert {float(row["latency_s"]) > 0 for row in rows(tmp_path / "run" / "latency.csv")} == {True}
    times = {row["network"]: row for row in rows(tmp_path / "out" / "times.csv")}
    assert int(times[split]["wire_bytes"]) > 0
    found = rows(tmp_path / "out" / "detections.csv")
    assert {row["network"] for row in found} == {"float", split}
