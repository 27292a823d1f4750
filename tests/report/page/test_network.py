"""Plots of the network: widths of the pick, bars of every cut, skips as arcs."""

import pytest
from candidates import GRAPH
from pages import CLOUD, EDGE, LINKS, page_view

from autosplit.report.page.cuts import cut_bars
from autosplit.report.page.network import (
    bar_columns,
    layer_columns,
    network_choices,
    network_plots,
    pick_columns,
    skip_arcs,
)


def test_layers_have_the_widths_of_the_pick_and_grey_in_the_cloud():
    view = page_view()

    found = layer_columns(GRAPH, view.picks["3mbps"])

    rows = dict(zip(zip(found["name"], found["row"], strict=True), found["text"], strict=True))
    assert rows == {
        ("a", "weights"): "2 bits",
        ("a", "outputs"): "3 bits",
        ("b", "weights"): "8 bits",
        ("b", "outputs"): "6 bits",
        ("c", "weights"): "float, in the cloud",
        ("c", "outputs"): "float, in the cloud",
    }
    assert set(layer_columns(GRAPH, None)["text"]) == {"float, in the cloud"}


def test_bars_are_parts_of_their_total():
    found = bar_columns(GRAPH, cut_bars(GRAPH, EDGE, CLOUD, LINKS, 8), "slow")

    assert found["behind"] == ["all-cloud", "behind a", "behind b", "all-edge"]
    for parts in zip(*(found[f"{p}_ms"] for p in ("edge", "link", "cloud", "total")), strict=True):
        assert sum(parts[:3]) == pytest.approx(parts[3])


def test_the_pick_stands_at_its_cut_with_its_own_numbers():
    found = pick_columns(page_view().picks["3mbps"])

    assert (found["cut"], found["sent_bytes"]) == ([2], [19])
    assert found["total_ms"] == [pytest.approx(6.0)]
    assert pick_columns(None)["cut"] == []


def test_only_edges_over_other_layers_are_arcs():
    arcs = skip_arcs(GRAPH)  # c reads a, over b

    assert [(xs[0], xs[-1]) for xs in arcs["xs"]] == [(0.5, 2.5)]


def test_each_link_and_width_can_be_chosen():
    view = page_view()
    bars = [cut_bars(GRAPH, EDGE, CLOUD, LINKS, bits) for bits in (4, 8)]

    choices = network_choices(view, bars)

    assert list(choices["bars"]) == ["4", "8"]
    assert list(choices["bars"]["4"]) == ["3mbps", "slow"]
    assert choices["picks"]["slow"]["cut"] == []
    assert list(network_plots(view, bars, "3mbps")) == ["layers", "bytes", "seconds"]
