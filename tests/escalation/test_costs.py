"""Costs of an escalation, counted by hand."""

import random

import pytest
from builders import diamond, random_graph

from autosplit.escalation.costs import SentBytes, expected_seconds, memory_bytes
from autosplit.graph.memory import edge_memory_bytes
from autosplit.hardware.prediction import Prediction


class TestSentBytes:
    def test_images_that_the_edge_answers_send_nothing(self):
        found = SentBytes.of([True, False, True, False], [9, 100, 9, 300])

        assert (found.share, found.sent, found.mean, found.high) == (0.5, 200, 100, 300)

    def test_where_the_edge_answers_all_nothing_is_sent(self):
        assert SentBytes.of([True, True], [9, 9]) == SentBytes(1.0, 0.0, 0.0, 0)

    def test_95_of_100_images_send_at_most_the_95th_percentile(self):
        # 94 images send nothing, then 10, 20, ... 60: the 95th sends 10
        sizes = [1] * 94 + [10, 20, 30, 40, 50, 60]
        found = SentBytes.of([True] * 94 + [False] * 6, sizes)

        assert found.high == 10
        assert SentBytes.of([True] * 95 + [False] * 5, sizes).high == 0


def test_seconds_are_the_mean_over_images():
    sent_on = Prediction(0.5, 4.0, 2.0)
    # of 4 images, 3 take the edge's 1 s alone and one takes 1 + 0.5 + 4 + 2
    found = expected_seconds(1.0, 0.75, sent_on)

    assert (found.edge_s, found.transfer_s, found.cloud_s) == (1.125, 1.0, 0.5)
    assert found.latency_s == (3 * 1 + 7.5) / 4


class TestMemory:
    def whole(self, bits=8):
        cut = diamond().prefix(4)
        return cut, dict.fromkeys(cut.weights, 8), dict.fromkeys(cut.edge_tensors, bits)

    def test_what_may_be_sent_stays_to_the_end_by_hand(self):
        cut, weights, activations = self.whole()
        fixed = 100 + 50 + 3 * 4
        # live: x a | a b | a b add | add out | out; kept x: + 10 in all but the first
        assert memory_bytes(cut, ("x",), weights, activations) == fixed + 100
        # kept a and b: the third set is the largest as before, add + out + a + b = 95 is larger
        assert memory_bytes(cut, ("a", "b"), weights, activations) == fixed + 95

    @pytest.mark.parametrize("seed", range(20))
    def test_it_is_that_of_a_cut_that_keeps_its_crossing_tensors_if_nothing_else_is_kept(
        self, seed
    ):
        graph = random_graph(random.Random(seed))
        cut = graph.prefix(len(graph.layers))
        weights, activations = (
            dict.fromkeys(cut.weights, 5),
            dict.fromkeys(cut.edge_tensors, 3),
        )
        least = edge_memory_bytes(cut, weights, activations)

        assert memory_bytes(cut, (), weights, activations) == least
        for kept in graph.tensors:
            more = memory_bytes(cut, (kept,), weights, activations)
            assert least <= more <= least + (3 * graph.elements(kept) + 7) // 8
