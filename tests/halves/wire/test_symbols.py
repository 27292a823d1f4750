"""Elements become symbols: classes of channels, and neighbours of a channel together."""

import numpy as np
import pytest

from autosplit.halves.wire.symbols import (
    SymbolOrder,
    channel_axis,
    channel_count,
    group_channels,
    group_of,
)


def test_channels_of_one_distribution_share_a_class():
    few, many = [90.0, 10, 0, 0], [0.0, 0, 10, 90]
    classes = group_channels(np.array([few, many] * 20))

    assert len(set(classes[::2]) & set(classes[1::2])) == 0


def test_a_class_of_many_values_takes_no_channels_of_another_distribution():
    """Code lengths are those of a class's own values, so a class gains nothing by being large."""
    large, small = [5e6, 2.5e6, 2.5e6], [40.0, 30, 30]

    assert group_channels(np.array([large, small, large, small]), 2) == (0, 1, 0, 1)


def test_three_distributions_are_three_classes():
    low, middle, high = [90.0, 10, 0, 0], [0.0, 50, 50, 0], [0.0, 0, 10, 90]
    classes = group_channels(np.array([low] * 9 + [middle] * 5 + [high] * 4), 3)

    assert [len(set(part)) for part in (classes[:9], classes[9:14], classes[14:])] == [1, 1, 1]
    assert len(set(classes)) == 3


@pytest.mark.parametrize("bits", range(1, 9))
def test_symbols_hold_as_many_elements_as_fit_eight_bits(bits):
    assert group_of(bits) * bits <= 8 < (group_of(bits) + 1) * bits


def test_neighbours_of_a_channel_are_one_symbol():
    """Channels 0 and 2 are of class 0: their six elements make three pairs, and those of channel
    1 make two, the last one with itself."""
    order = SymbolOrder((3, 3, 1), (0, 1, 0), 4)
    sample = np.arange(9)[None]

    (symbols,) = order.symbols(sample)

    pairs = [(0, 1), (2, 6), (7, 8), (3, 4), (5, 5)]
    assert symbols.tolist() == [a + 16 * b for a, b in pairs]
    assert order.ends == (3, 5)
    assert order.integers(symbols).ravel().tolist() == list(range(9))


def test_a_symbol_of_two_classes_is_of_the_former():
    order = SymbolOrder((2, 3, 1), (0, 1), 4)

    assert order.symbols(np.arange(6)[None]).tolist() == [[0x10, 0x32, 0x54]]
    assert order.ends == (2, 3)


def test_features_of_tokens_are_sent_feature_by_feature():
    """Three tokens of two features: (0, 1), (2, 3), (4, 5)."""
    order = SymbolOrder((3, 2), (1, 0), 8)

    (symbols,) = order.symbols(np.arange(6)[None])

    assert symbols.tolist() == [1, 3, 5, 0, 2, 4]
    assert order.integers(symbols).tolist() == [[0, 1], [2, 3], [4, 5]]


def test_the_channels_of_tokens_are_their_features():
    assert [channel_axis(shape) for shape in ((4, 7), (4, 7, 7), (4,))] == [1, 0, 0]
    assert [channel_count(shape) for shape in ((4, 7), (4, 7, 7), (4,), ())] == [7, 4, 4, 1]
