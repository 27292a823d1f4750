"""Seconds of many choices of widths at once, against the latency model one by one."""

from dataclasses import replace

import numpy as np
import pytest
from brute import (
    problems,
)
from builders import (
    EDGE,
    INTEGERS,
    chain,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from autosplit.graph.graph import Tail
from autosplit.hardware.prediction import edge_s
from autosplit.hardware.seconds import layers_s
from autosplit.search.widths.edge_seconds import EdgeSeconds


@settings(max_examples=100, deadline=None)
@given(problems(most=4, edge=INTEGERS), st.integers(0, 2**32 - 1))
def test_tabulated_seconds_are_those_of_the_latency_model(problem, seed):
    check(problem, seed)


@settings(max_examples=20, deadline=None)
@given(problems(most=4, edge=EDGE), st.integers(0, 2**32 - 1))
def test_seconds_of_a_tail_are_tabulated_with_its_layer(problem, seed):
    graph = problem.graph
    after = graph.layers[seed % len(graph.layers)].name
    graph = replace(graph, tail=Tail(after, chain([6, 9, 4], weight=5)))
    check(replace(problem, graph=graph), seed)


def check(problem, seed):
    rng, layers = np.random.default_rng(seed), len(problem.graph.layers)
    lengths = rng.integers(0, layers + 1, 5)
    weights, outputs = rng.integers(0, len(problem.usable), (2, 5, layers))

    got = EdgeSeconds(problem).of(weights, outputs, lengths)

    rank = problem.graph.rank
    for m, length in enumerate(lengths.tolist()):
        cut = problem.graph.prefix(length)
        tensors = dict.fromkeys(problem.graph.inputs, problem.input_bits)
        tensors |= {name: problem.usable[outputs[m, rank[name]]] for name in cut.edge}
        chosen = {name: problem.usable[weights[m, rank[name]]] for name in cut.weights}
        assert got[m] == pytest.approx(edge_s(cut, problem.edge, chosen, tensors), rel=1e-12)


@settings(max_examples=50, deadline=None)
@given(problems(most=4, edge=INTEGERS))
def test_the_floor_of_a_layer_has_its_dispatch_and_is_below_every_width(problem):
    floor_s = EdgeSeconds(problem).floor_s
    at_once = replace(problem, edge=replace(problem.edge, dispatch_s=0.0))

    assert floor_s == pytest.approx(EdgeSeconds(at_once).floor_s + problem.edge.dispatch_s)
    assert problem.edge.dispatch_s > 0
    for bits in problem.usable:
        seconds = layers_s(problem.graph, problem.edge, bits, problem.input_bits)
        assert (floor_s <= np.array(seconds) * (1 + 1e-12)).all()
