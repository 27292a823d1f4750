"""Kept channels and widths together, against all choices one by one."""

from itertools import product

import numpy as np
import pytest

from autosplit.errors import InfeasibleError, UnsolvedError
from autosplit.search.joint import (
    ChannelCount,
    JointLayer,
    JointProblem,
    JointTensor,
    KeptChannels,
    solve_joint,
)

WIDTHS = (2, 4, 8)


def problem(seed, limit):
    """Three layers in a row; the first two write groups, the flattened second is read in fours."""
    random = np.random.default_rng(seed)

    def noise(scale):
        return {bits: float(random.uniform(0.5, 1.5) * scale * 4.0**-bits) for bits in WIDTHS}

    groups = {
        "g": [KeptChannels(k, float(random.uniform(0, 0.02) * (8 - k))) for k in (8, 5, 2)],
        "h": [KeptChannels(k, float(random.uniform(0, 0.02) * (6 - k))) for k in (6, 3)],
    }
    g, h, h4 = ChannelCount("g", 1), ChannelCount("h", 1), ChannelCount("h", 4)
    layers = [
        JointLayer("a", 9, ChannelCount(always=3), g, 1, noise(1.0)),
        JointLayer("b", 9, g, h, 1, noise(1.0)),
        JointLayer("c", 1, h4, ChannelCount(always=10), 1, noise(1.0)),
    ]
    tensors = [
        JointTensor("x", 64, ChannelCount(always=3), {8: 0.0}),
        JointTensor("a", 16, g, noise(0.5)),
        JointTensor("b", 4, h, noise(0.5)),
        JointTensor("c", 1, ChannelCount(always=10), noise(0.5)),
    ]
    return JointProblem(groups, layers, tensors, [("x", "a"), ("a", "b"), ("b", "c")], limit)


def packed(elements, bits):
    return -(-elements * bits // 8)


def brute(asked):
    """Least distortion within the limit, and its memory, of every choice in turn."""
    best = (np.inf, None)
    for g, h in product(asked.groups["g"], asked.groups["h"]):
        sizes = {"a": (27, g.kept), "b": (9 * g.kept, h.kept), "c": (4 * h.kept, 10)}
        whole = {"a": 27 * 8, "b": 9 * 8 * 6, "c": 24 * 10}
        counts = {"x": 192, "a": 16 * g.kept, "b": 4 * h.kept, "c": 10}
        full = {"x": 192, "a": 128, "b": 24, "c": 10}
        for bits in product(WIDTHS, repeat=6):
            weights = dict(zip("abc", bits[:3], strict=True))
            widths = dict(zip("abc", bits[3:], strict=True)) | {"x": 8}
            total = g.distortion + h.distortion
            memory = 0
            for layer in asked.layers:
                reads, writes = sizes[layer.name]
                memory += packed(reads * writes, weights[layer.name]) + 4 * writes
                share = reads * writes / whole[layer.name]
                total += share * layer.distortion[weights[layer.name]]
            for tensor in asked.tensors:
                share = counts[tensor.name] / full[tensor.name]
                total += share * tensor.distortion[widths[tensor.name]]
            memory += max(sum(packed(counts[t], widths[t]) for t in pair) for pair in asked.live)
            if memory <= asked.limit_bytes and total < best[0]:
                best = total, memory
    return best


@pytest.mark.parametrize(("seed", "limit"), [(0, 520), (1, 600), (2, 700), (3, 900), (4, 5000)])
def test_the_choice_is_the_best_of_all(seed, limit):
    asked = problem(seed, limit)
    distortion, memory = brute(asked)

    found = solve_joint(asked)

    assert found.distortion == pytest.approx(distortion, rel=1e-5)
    assert found.memory_bytes <= limit
    assert found.lower_bound <= found.distortion * (1 + 1e-5)
    assert found.lower_bound >= 0.999 * distortion
    assert memory <= limit


def test_with_enough_memory_all_channels_stay_at_the_most_bits():
    found = solve_joint(problem(0, 10_000))

    assert found.kept == {"g": 8, "h": 6}
    assert set(found.weight_bits.values()) == {8}
    # Weights of 216, 432 and 240 bytes, 24 biases of 4; the input with the first output: 192 + 128.
    assert found.memory_bytes == 216 + 432 + 240 + 4 * 24 + 320


def test_what_cannot_fit_says_so():
    with pytest.raises(InfeasibleError, match="300 bytes do not"):
        solve_joint(problem(0, 300))


def test_a_search_that_was_cut_short_does_not_say_that_nothing_fits():
    with pytest.raises(UnsolvedError, match="found no choice within 600 bytes in 0 s"):
        solve_joint(problem(1, 600), seconds=0.0)
