"""The command ``detect``: which network, which plan, which boxes, which pictures."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from autosplit.cli.app import main
from autosplit.data.preprocess import Letterbox

NETWORK = "--model m --weights w --checkpoint c --input-size 64 --seed 3"
CALLS = [
    ("", (None, {}, None), {}),
    ("--run r", (Path("r"), {}, None), {}),
    ("--run r --plan p", (Path("r"), {}, "p"), {}),
    (
        f"{NETWORK} --plan p.yaml --confidence 0.5 --iou 1",
        (
            None,
            {"model": "m", "weights": "w", "checkpoint": "c", "input_size": 64, "seed": 3},
            "p.yaml",
        ),
        {"confidence": 0.5, "iou": 1.0},
    ),
]


@pytest.mark.parametrize(("line", "network", "shown"), CALLS, ids=[call[0][:30] for call in CALLS])
def test_a_command_line_is_one_detector_on_some_pictures(monkeypatch, capsys, line, network, shown):
    noted = []

    def network_and_plan(*arguments):
        noted.append(arguments)
        return SimpleNamespace(name="net", preprocess=Letterbox((64, 32))), "a plan"

    def make_detector(model, plan, **options):
        noted.append((model.name, plan, options))
        return "a detector"

    def detect_pictures(*arguments):
        noted.append(arguments)
        return iter(["seen"])

    monkeypatch.setattr("autosplit.runs.plans.network_and_plan", network_and_plan)
    monkeypatch.setattr("autosplit.detect.run.list_pictures", lambda source: [f"{source}/1.png"])
    monkeypatch.setattr("autosplit.detect.detector.make_detector", make_detector)
    monkeypatch.setattr("autosplit.detect.run.detect_pictures", detect_pictures)

    assert main(["detect", "--source", "s", "--out", "o", *line.split()]) == 0

    assert noted == [
        network,
        ("net", "a plan", shown),
        ("a detector", ["s/1.png"], Path("o")),
    ]
    assert capsys.readouterr().out == "seen\ntable:  o/detections.csv\n"
