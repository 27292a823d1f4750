"""Bars of every prefix cut: what ``predict`` says of each, at one width."""

import pytest
from candidates import GRAPH
from pages import CLOUD, EDGE, LINKS

from autosplit.hardware.prediction import PlanWidths, predict
from autosplit.report.page.cuts import cut_bars, prefix_place


@pytest.mark.parametrize("bits", [4, 8])
def test_each_cut_takes_what_is_predicted_of_it(bits):
    bars = cut_bars(GRAPH, EDGE, CLOUD, LINKS, bits)

    for count, cut in enumerate(GRAPH.prefixes()):
        widths = PlanWidths(dict.fromkeys("ab", bits), {"x": 8, **dict.fromkeys("abc", bits)})
        for name, link in LINKS.items():
            said = predict(cut, widths, EDGE, CLOUD, link)
            assert bars.edge_s[count] == pytest.approx(said.edge_s)
            assert bars.link_s[name][count] == pytest.approx(said.transfer_s)
            assert bars.cloud_s[count] == pytest.approx(said.cloud_s)


def test_bytes_of_a_skip_are_counted_by_hand():
    # x: 100 elements at 8 bits; a: 10 elements at 4 bits; behind b both a and b (20) cross
    assert cut_bars(GRAPH, EDGE, CLOUD, LINKS, 4).sent_bytes == (100, 5, 5 + 10, 0)


def test_a_cut_that_is_no_prefix_is_told_apart():
    assert prefix_place(GRAPH.cut(["a"])) == (1, True)
    assert prefix_place(GRAPH.cut([])) == (0, True)
