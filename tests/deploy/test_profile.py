"""The profile of this machine: measured layers as a device that the search takes."""

import pytest
from candidates import GRAPH

from autosplit.deploy import node_seconds, profile
from autosplit.deploy.node_seconds import LayerTimes, NodeSeconds
from autosplit.deploy.profile import (
    NetworkProfile,
    ProfiledWidth,
    profile_run,
    profile_words,
    write_profile,
)
from autosplit.hardware.device import load_device
from autosplit.hardware.seconds import layer_s
from autosplit.runs.folder import read_graph


def measured(graph):
    found = []
    for bits, factor in ((8, 1.0), (32, 4.0)):
        layers = {one.name: factor * (k + 1) for k, one in enumerate(graph.layers)}
        nodes = NodeSeconds({"n": 1.0}, sum(layers.values()), 0.01, 40)
        found.append(ProfiledWidth(bits, nodes, LayerTimes(layers, {"swap": 0.5})))
    return NetworkProfile(tuple(found), {"x": (0.0, 2.0), "a": (0.25, 3.0)})


def test_the_search_takes_the_measured_seconds_by_width(tmp_path):
    graph = GRAPH
    write_profile(graph, measured(graph), 1, tmp_path / "mine.yaml")

    device = load_device(tmp_path / "mine.yaml")

    assert (device.name, device.model) == ("mine", "table")
    assert "40 runs at 8 bits" in device.source
    assert device.int8_weights == "depthwise"
    assert device.crossings == {"x": (0.0, 2.0), "a": (0.25, 3.0), "b": (0, 0), "c": (0, 0)}
    for place, layer in enumerate(graph.layers):
        for bits, seconds in ((4, 1.0), (8, 1.0), (16, 4.0), (32, 4.0)):
            inputs = dict.fromkeys(graph.tensors, bits)
            assert layer_s(layer, graph, device, bits, inputs) == seconds * (place + 1)


def test_what_belongs_to_no_layer_is_shown():
    text = profile_words(measured(GRAPH))

    assert "8 bits: whole" in text
    assert "sum of its kernels 1000.00 ms; 500.00 ms in 1 nodes of no layer" in text
    assert "up to 250.00 ms to give it on the edge, up to 3000.00 ms to take it" in text


def test_a_busy_machine_is_noticed(monkeypatch, recwarn):
    monkeypatch.setattr(profile.os, "getloadavg", lambda: (99.0, 0, 0))

    profile.warn_of_load()

    assert "other programs use the processor (load 99.0)" in str(recwarn[0].message)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:profile")
def test_a_run_is_profiled_and_searched_with(tiny, monkeypatch):
    monkeypatch.setattr(node_seconds, "NOISY", float("inf"))
    out = tiny.place / "mine.yaml"

    found = profile_run(tiny.run, 1, out)

    for one in found.widths:
        assert sum(one.times.layers.values()) == pytest.approx(one.nodes.whole_s)
        assert sum(one.times.foreign.values()) < 0.5 * one.nodes.whole_s
        assert set(one.times.layers) == {layer.name for layer in read_graph(tiny.run).layers}
    assert load_device(out).table
