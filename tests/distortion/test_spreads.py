"""Moments and histograms of the second pass against numpy."""

import numpy as np
import pytest
import torch
from tape import expected_stats, samples

from autosplit.distortion.ranges import Range
from autosplit.distortion.spreads import Spread
from autosplit.distortion.tiles import workers


def spread_of(rows, off=0.0):
    """What the second pass finds when the mean of the first one is off."""
    with workers() as pool:
        found = Range.about(rows)
        found.add(rows, pool)
        found.total += off * found.count
        spread = Spread.over(found)
        spread.add(rows, pool)
    return spread


@pytest.mark.parametrize("skewed", [False, True])
def test_second_pass_corrects_a_mean_that_the_first_got_wrong(skewed):
    """Of skewed data, more values lie below the mean than above it."""
    data = samples(40).double()
    data = data.exp() if skewed else data + 3
    mean, std, b = spread_of(data.flatten(1), 0.02).moments

    expected = expected_stats(data)
    assert (mean, std) == pytest.approx((expected["mean"], expected["std"]), rel=1e-6)
    assert b == pytest.approx(expected["b"], rel=1e-3)  # first order in the correction


def test_the_histogram_counts_every_value_between_the_edges_it_lies_between():
    """Counted again by numpy over the same edges, of which a value may fall to either side."""
    rows = samples(20).flatten(1)
    counts, edges = spread_of(rows).histogram
    want, _ = np.histogram(rows.numpy(), edges)

    assert counts.sum() == rows.numel()
    assert np.abs(counts - want).sum() < 1e-3 * rows.numel()


def test_one_value_far_out_leaves_fine_bins_around_the_others():
    rows = samples(20).flatten(1)
    rows[0, 0] = 1e5
    counts, edges = spread_of(rows).histogram
    fine = np.diff(edges)[np.searchsorted(edges, 0.0) - 1]

    assert counts.sum() == rows.numel()
    assert edges[-1] >= 1e5
    assert fine < 0.1 < np.diff(edges).max()


@pytest.mark.parametrize("value", [0.0, -2.5])
def test_a_constant_has_one_bin_without_a_width(value):
    spread = spread_of(torch.full((3, 10), value))
    counts, edges = spread.histogram

    assert spread.moments == (value, 0.0, 0.0)
    assert (counts.tolist(), edges.tolist()) == ([30.0], [value, value])


@pytest.mark.parametrize("low", [-3.0, 0.0])
def test_zero_lies_in_the_middle_of_a_bin(low):
    """So that the many zeros behind a rectifier are exactly zeros."""
    rows = samples(20).flatten(1).clamp_(low, 2.0)
    _, edges = spread_of(rows).histogram
    place = np.searchsorted(edges, 0.0)

    assert (edges[place - 1] + edges[place]) / 2 == pytest.approx(0.0, abs=1e-9)
