"""The table of escalations: kinds of plans, and which two are compared."""

import importlib.util
import sys
from pathlib import Path

import pytest

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


@pytest.fixture(scope="module")
def script():
    path = EXPERIMENTS / "escalation.py"
    spec = importlib.util.spec_from_file_location("experiments_escalation", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def row(kind, name, latency_s, lost, link="3mbps"):
    return {
        "network": "net",
        "link": link,
        "kind": kind,
        "name": name,
        "points_lost": lost,
        "latency_s": latency_s,
        "bytes_mean": 7,
    }


def test_the_fastest_within_a_point_are_compared(script):
    rows = [
        row("split", "slow", 0.4, 0.2),
        row("JPEG", "jpeg85", 0.2, 1.0),
        row("all-edge", "lossy", 0.01, 1.5),
        row("escalation", "good", 0.05, 0.9),
        row("escalation", "bad", 0.02, 1.1),
    ]

    (text,) = script.compared(rows)

    assert text.startswith("net over 3mbps: ")
    assert "JPEG jpeg85 200.00 ms" in text
    assert "escalation good 50.00 ms" in text
    assert text.endswith("ratio 0.25")


def test_without_an_escalation_that_keeps_the_limit_there_is_no_ratio(script):
    (text,) = script.compared([row("split", "one", 0.4, 0.2), row("escalation", "bad", 0.1, 9.0)])

    assert "ratio" not in text


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("escalation", {"method": "escalation"}),
        ("JPEG", {"name": "jpeg85", "edge_layers": "0"}),
        ("all-cloud", {"edge_layers": "0", "cut": "x"}),
        ("split", {}),
        ("all-edge", {"cut": ""}),
    ],
)
def test_kinds_of_plans(script, kind, change):
    plan = {"method": "autosplit", "name": "cut003-00", "edge_layers": "3", "cut": "conv"}

    assert script._kind({**plan, **change}) == kind
