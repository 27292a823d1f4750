"""A kit that was measured becomes a profile; a result that is not as it was written is refused."""

import json
import math
import shutil
from itertools import pairwise

import pytest

from autosplit.deploy import kit as kits
from autosplit.deploy.kit import kit_words, profile_kit, read_kit
from autosplit.deploy.measure_models import checksum
from autosplit.errors import DataError, FileError
from autosplit.files import write_json
from autosplit.graph.graph import Graph
from autosplit.graph.graphfile import graph_to_dict
from autosplit.graph.layer import Gemm, Layer
from autosplit.hardware.device import load_device
from autosplit.hardware.seconds import layers_s

MAC_S = {8: 1e-9, 32: 4e-9}
"""Seconds of a multiply-accumulate in the made-up machine, which has no other costs."""


def network(name, sizes):
    """Pointwise convolutions of 10 x 10 pixels, one after the other."""
    layers, given, shape = [], "x", (sizes[0], 10, 10)
    for place, (few, many) in enumerate(pairwise(sizes)):
        gemm = Gemm(100, few, many)
        about = {"weight_elements": few * many, "gemms": (gemm,), "kernel": (1, 1)}
        layers.append(Layer(f"l{place}", "conv", (given,), (shape,), (many, 10, 10), **about))
        given, shape = f"l{place}", (many, 10, 10)
    return Graph(name, {"x": (sizes[0], 10, 10)}, tuple(layers), (given,))


GRAPHS = [network("kit00", (16, 32, 64, 48)), network("kit01", (3, 160, 16, 32, 96))]


def measured(graph, bits, speed):
    """What the script says of a network on a machine of this speed."""
    nodes = {f"{one.name}|0": speed * MAC_S[bits] * one.macs for one in graph.layers}
    whole = sum(nodes.values())
    return {"whole_s": whole, "spread": 0.01, "runs": 30, "nodes": nodes, "reference_s": speed}


@pytest.fixture
def folder(tmp_path):
    """A kit of two networks with its result; while the second ran, the machine was slower."""
    models = {}
    place = tmp_path / "kit"
    for graph in GRAPHS:
        for bits in (8, 32):
            models[f"{graph.name}-{bits}.onnx"] = "0" * 64
    graphs = {graph.name: graph_to_dict(graph) for graph in GRAPHS}
    write_json(place / "kit.json", "kit", {"networks": graphs, "models": models})
    found = {
        "schema": "autosplit/measured/1",
        "onnxruntime": "1.27.0",
        "machine": "aarch64",
        "threads": 4,
        "files": models,
        "models": {
            f"{graph.name}-{bits}": measured(graph, bits, speed)
            for graph, bits, speed in (
                (GRAPHS[0], 8, 1.0),
                (GRAPHS[0], 32, 1.0),
                (GRAPHS[1], 8, 1.0),
                (GRAPHS[1], 32, 1.3),
            )
        },
    }
    (place / "result.json").write_text(json.dumps(found | {"checksum": checksum(found)}))
    return place


def changed(folder, change):
    path = folder / "result.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def test_a_result_that_came_back_becomes_a_profile_for_other_networks(folder, tmp_path):
    found = profile_kit(folder, 1, tmp_path / "pi.yaml")

    device = load_device(tmp_path / "pi.yaml")
    other = network("other", (24, 80, 32))
    for bits, seconds in MAC_S.items():
        assert layers_s(other, device, bits) == pytest.approx(
            [seconds * one.macs for one in other.layers], rel=1e-3
        )
    assert (device.name, device.model, device.runtime) == ("pi", "fitted", "onnxruntime 1.27.0")
    assert "7 layers measured in onnxruntime 1.27.0 on aarch64, threads: 4" in device.source
    assert found.drift == pytest.approx(0.3)
    assert found.error < 1e-3


def test_what_was_found_is_told(folder):
    text = kit_words(read_kit(folder))

    assert text.splitlines() == [
        (
            "7 layers at 8 and 32 bits, median error of a layer 0 %; the machine's speed changed "
            "by up to 30 %"
        ),
        "families: pointwise",
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data["models"]["kit00-8"].update(whole_s=1e-9),
        lambda data: data["models"]["kit00-8"]["nodes"].update({"l0|0": 0.5}),
        lambda data: data.pop("checksum"),
        lambda data: data.update(threads=1),
        lambda data: data.pop("models"),
    ],
)
def test_an_edited_result_is_refused(folder, change):
    changed(folder, change)

    with pytest.raises(DataError, match=r"result\.json: must be as measure_models\.py wrote it"):
        read_kit(folder)


def test_a_result_of_other_models_is_refused(folder):
    def other(data):
        data["files"]["kit00-8.onnx"] = "1" * 64
        data["checksum"] = checksum(data)

    changed(folder, other)
    with pytest.raises(DataError, match="must be of the models of this kit"):
        read_kit(folder)


def test_a_noisy_result_says_how_much(folder):
    def noisy(data):
        data["models"]["kit00-8"].update(spread=0.4, whole_s=0.5)
        data["checksum"] = checksum(data)

    changed(folder, noisy)
    with pytest.raises(DataError, match="known within 40 % only; stop other programs"):
        read_kit(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "autosplit/measured/2"}'])
def test_no_result_is_refused_in_one_line(folder, text):
    (folder / "result.json").write_text(text)

    with pytest.raises(FileError) as error:
        read_kit(folder)
    assert "\n" not in str(error.value)


def test_a_kit_is_made_and_measured_only_where_that_is_not_done(folder, tmp_path, monkeypatch):
    done = []
    result = (folder / "result.json").read_text()

    def make(place, progress):
        done.append("made")
        place.mkdir()
        shutil.copy(folder / "kit.json", place)

    def measure(place, threads, passes):
        done.append(("measured", threads, passes))
        (place / "result.json").write_text(result)

    monkeypatch.setattr(kits, "write_kit", make)
    monkeypatch.setattr(kits, "measure_fresh", measure)
    monkeypatch.setattr(kits, "warn_of_load", lambda: None)

    for _ in range(2):
        profile_kit(tmp_path / "new", 2, tmp_path / "d.yaml")

    assert done == ["made", ("measured", 2, 3)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:profile")
def test_a_kit_is_written_measured_and_fitted(tmp_path, monkeypatch):
    monkeypatch.setattr("autosplit.deploy.node_seconds.NOISY", math.inf)
    monkeypatch.setattr("autosplit.deploy.node_seconds.MOST_SECONDS", 1.0)
    whole = kits.write_kit
    monkeypatch.setattr(kits, "write_kit", lambda place, progress: whole(place, progress, 1))

    found = profile_kit(tmp_path / "kit", 1, tmp_path / "d.yaml")

    assert {"conv", "pointwise", "resize", "linear"} <= found.fit[8].keys() & found.fit[32].keys()
    names = sorted(path.name for path in (tmp_path / "kit").iterdir())
    assert {"README.txt", "kit.json", "measure_models.py", "reference.onnx"} <= set(names)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda r: r["models"].pop("kit01-8"), "has no kit01-8; run measure_models.py"),
        (lambda r: r.pop("machine"), "must have machine;"),
        (lambda r: r["models"]["kit00-8"].update(reference_s=0.0), "kit00-8: must have seconds"),
        (lambda r: r["models"]["kit00-8"].pop("runs"), "kit00-8: must have seconds"),
    ],
    ids=["a model", "the machine", "no reference", "no runs"],
)
def test_a_result_that_lacks_something_is_refused_in_one_line(folder, change, text):
    path = folder / "result.json"
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(found | {"checksum": checksum(found)}))

    with pytest.raises(DataError, match=text):
        read_kit(folder)


def test_a_machine_that_was_faster_for_a_while_counts_as_drift(folder):
    path = folder / "result.json"
    found = json.loads(path.read_text())
    for name, one in found["models"].items():
        one["reference_s"] = 0.6 if name == "kit01-32" else 1.0
    path.write_text(json.dumps(found | {"checksum": checksum(found)}))

    assert read_kit(folder).drift == pytest.approx(0.4)
