"""Elements become symbols: classes of channels, and neighbours of a channel together."""

import numpy as np
import pytest

from autosplit.halves.wire.symbols import (
    channel_axis,
    channel_count,
    group_channels,
    group_of,
    symbol_order,
)


def test_channels_of_one_distribution_share_a_class():
    few, many = [90.0, 10, 0, 0], [0.0, 0, 10, 90]
    classes = group_channels(np.array([few, many] * 20))

    assert len(set(classes[::2]) & set(classes[1::2])) == 0


@pytest.mark.parametrize("bits", range(1, 9))
def test_symbols_hold_as_many_elements_as_fit_eight_bits(bits):
    assert group_of(bits) * bits <= 8 < (group_of(bits) + 1) * bits


def test_neighbours_of_a_channel_are_one_symbol():
    """Channels 0 and 2 are of class 0: their six elements make three pairs, and those of channel
    1 make two, the last one with itself."""
    order = symbol_order((3, 3, 1), np.array([0, 1, 0], np.uint8), 4)
    sample = np.arange(9)[None]

    (symbols,) = order.symbols(sample)

    pairs = [(0, 1), (2, 6), (7, 8), (3, 4), (5, 5)]
    assert symbols.tolist() == [a + 16 * b for a, b in pairs]
    assert order.ends.tolist() == [3, 5]
    assert order.integers(symbols, 9).tolist() == list(range(9))
    assert order.counts(sample).sum(axis=(0, 2)).tolist() == [3, 2]


def test_the_channels_of_tokens_are_their_features():
    assert [channel_axis(shape) for shape in ((4, 7), (4, 7, 7), (4,))] == [1, 0, 0]
    assert [channel_count(shape) for shape in ((4, 7), (4, 7, 7), (4,), ())] == [7, 4, 4, 1]
