"""The command ``detect``: which network, which plan, which boxes, which pictures."""

from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest

from autosplit.cli.app import main
from autosplit.data.preprocess import Letterbox
from autosplit.detect.sources import DetectSource
from autosplit.detect.step_seconds import StepSeconds

NETWORK = "--model m --weights w --checkpoint c --input-size 64 --seed 3"
CALLS = [
    ("", (None, {}, None), {}),
    ("--run r", (Path("r"), {}, None), {}),
    ("--run r --plan p", (Path("r"), {}, "p"), {}),
    (
        f"{NETWORK} --plan p.yaml --score 0.5 --iou 1",
        (
            None,
            {"model": "m", "weights": "w", "checkpoint": "c", "input_size": 64, "seed": 3},
            "p.yaml",
        ),
        {"score": 0.5, "iou": 1.0},
    ),
    (
        "--model m --preprocess yolox --channels rgb --mean 0.4,0.5,0.6 --std 0.2",
        (
            None,
            {
                "model": "m",
                "preprocess": "yolox",
                "channels": "rgb",
                "mean": (0.4, 0.5, 0.6),
                "std": (0.2,),
            },
            None,
        ),
        {},
    ),
    ("--confidence 0.5", (None, {}, None), {"score": 0.5}),  # the older spelling
]


@pytest.mark.parametrize(("line", "network", "shown"), CALLS, ids=[call[0][:30] for call in CALLS])
def test_a_command_line_is_one_detector_on_some_pictures(monkeypatch, capsys, line, network, shown):
    noted = []

    def network_and_plan(*arguments):
        noted.append(arguments)
        return SimpleNamespace(name="net", preprocess=Letterbox((64, 32))), "a plan"

    def make_detector(model, plan, **options):
        noted.append((model.name, plan, options))
        return SimpleNamespace(about="about")

    class Run:
        seconds: ClassVar = {"float": [StepSeconds(0.001, 0.002, 0.001)]}

        def __init__(self, detector, out, most, advance):
            noted.append((detector.about, out, most))

        def run(self, sources):
            noted.append([source.place for source in sources])
            return iter(["seen"])

    monkeypatch.setattr("autosplit.runs.plans.network_and_plan", network_and_plan)
    monkeypatch.setattr(
        "autosplit.detect.sources.detect_sources", lambda s: (DetectSource(f"{s}/1.png", "1.png"),)
    )
    monkeypatch.setattr("autosplit.detect.detector.make_detector", make_detector)
    monkeypatch.setattr("autosplit.detect.run.DetectRun", Run)

    assert main(["detect", "--source", "s", "--out", "o", *line.split()]) == 0

    assert noted == [
        network,
        ("net", "a plan", shown),
        ("about", Path("o"), None),
        ["s/1.png"],
    ]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "about"
    assert lines[2] == "seen"
    assert [*map(str.split, lines)].count(["pictures", "per", "second", "250.0"]) == 1
    assert lines[-1] == "table:   o/detections.csv, times in o/times.csv"
