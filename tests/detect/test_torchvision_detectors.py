"""torchvision's detectors through every stage: statistics, plans, seconds, scores, drawings."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from spread import spread_detector

from autosplit.cli.app import main
from autosplit.models.load import load_model
from autosplit.models.torchvision_detector import detector_names

NAMES = detector_names()
SMALL = ("ssd300_vgg16", "ssdlite320_mobilenet_v3_large")
"""Networks of one input size; the others run on pictures of 128 pixels."""
STATS = "--data demo --calibration-images 2 --metric mse --run run"
SEARCH = "--run run --edge raspberry_pi_4 --memory 1GiB --link 10mbps --methods edge-float,uniform8"
QUANTIZE = "--run run --effort none --images 2"


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def weights_file(name, size, photos, path):
    """Write weights of the whole detector whose scores and boxes are spread on photos.

    On a photo, the maps of a network that is fitted to noise are so large that all scores are 1.
    """
    model = load_model(f"torchvision:{name}", input_size=size)
    height, width = model.preprocess.size
    pictures = (Image.open(photo).convert("RGB").resize((width, height)) for photo in photos)
    pixels = torch.from_numpy(np.stack(list(map(np.asarray, pictures))))
    whole = spread_detector(model, pixels.permute(0, 3, 1, 2) / 255)
    torch.save(whole.state_dict(), path)


def cut_in_the_middle(path):
    """Leave a plan the first half of its edge layers, as a person does in an editor.

    The search keeps no split of some: the classes of all anchors of SSD take more bytes than the
    picture does.
    """
    plan = yaml.safe_load(path.read_text())
    edge = plan.pop("edge")
    plan["edge"], gone = edge[: len(edge) // 2], set(edge[len(edge) // 2 :])
    for side in ("weights", "activations"):
        plan[side] = {layer: row for layer, row in plan[side].items() if layer not in gone}
    del plan["wire"]  # the tensors that cross are found anew
    path.write_text(yaml.safe_dump(plan))
    return len(plan["edge"])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_detector_goes_through_every_stage(name, tmp_path, monkeypatch):
    foolbox = pytest.importorskip("foolbox")
    monkeypatch.chdir(tmp_path)
    size = None if name in SMALL else 128
    photos = sorted((Path(foolbox.__file__).parent / "data").glob("imagenet_*.jpg"))
    weights_file(name, size, photos[:8], tmp_path / "a.pt")
    model = f"--model torchvision:{name} --checkpoint a.pt" + (
        f" --input-size {size}" if size else ""
    )

    assert main(["stats", *model.split(), *STATS.split()]) == 0
    assert main(["search", *SEARCH.split()]) == 0
    for plan in ("edge-float", "uniform8"):
        layers = cut_in_the_middle(Path(f"run/plans/{plan}.yaml"))
    assert main(["latency", "--run", "run"]) == 0
    assert main(["quantize", *QUANTIZE.split()]) == 0
    line = f"--run run --plan uniform8 --source {photos[0]} --out out"
    assert main(["detect", *line.split()]) == 0

    scores = {row["name"]: row for row in rows(Path("run/scores.csv"))}
    # random weights magnify the rounding of the input to 8 bits, which float plans have too
    assert float(scores["edge-float"]["ap50_vs_float"]) > 0.1
    assert float(scores["uniform8"]["ap50_vs_float"]) > 0
    for row in rows(Path("run/latency.csv")):
        assert min(float(row[key]) for key in ("edge_s", "transfer_s", "cloud_s")) > 0
    assert 2 <= layers < len(rows(Path("run/layers.csv"))) - 2
    times = {row["network"]: row for row in rows(Path("out/times.csv"))}
    assert int(times["uniform8"]["wire_bytes"]) > 0
    found = rows(Path("out/detections.csv"))
    assert {row["network"] for row in found} == {"float", "uniform8"}
