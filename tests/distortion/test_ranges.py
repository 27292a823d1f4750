"""Range and mean of the first pass, against numpy on all batches together."""

import numpy as np
import pytest
import torch

from autosplit.distortion.ranges import Range
from autosplit.distortion.tiles import workers


def observed(*batches):
    """The range of some batches of rows, and whether each was finite."""
    rows = [torch.as_tensor(batch) for batch in batches]
    found = Range.about(rows[0])
    with workers() as pool:
        finite = [found.add(each, pool) for each in rows]
    return found, finite


def test_extremes_of_samples_are_averaged_over_samples_not_over_batches():
    """Greatest values 3, 5 and 1, in batches of one and two samples: mean 3."""
    found, _ = observed([[0.0, 3.0]], [[5.0, -1.0], [-2.0, 1.0]])

    assert (found.low, found.high) == (-2.0, 5.0)
    assert found.high_sum / found.samples == 3.0
    assert found.low_sum / found.samples == -1.0
    assert (found.samples, found.count) == (3, 6)


@pytest.mark.parametrize("offset", [0.0, 1e6, -1e12])
def test_the_mean_of_values_far_from_zero_keeps_their_digits(offset):
    """A sum of float32 values of 1e6 would lose the differences of about 1."""
    rows = (np.random.default_rng(0).normal(size=(20, 5000)) + offset).astype(np.float32)
    found, _ = observed(rows[:7], rows[7:])
    spacing = float(np.spacing(np.float32(abs(offset) + 1)))

    assert found.mean == pytest.approx(rows.astype(np.float64).mean(), abs=1e-3 * spacing + 1e-6)


def test_the_first_batch_gives_the_deviation_that_is_expected():
    """Values -1 and 1: the mean absolute deviation is 1."""
    found, _ = observed([[-1.0, 1.0] * 8])

    assert (found.pivot, found.deviation) == (0.0, 1.0)


def test_sums_of_values_near_the_largest_floats_do_not_overflow():
    found, finite = observed(np.full((2, 1000), 3e38, dtype=np.float32))

    assert finite == [True]
    assert found.mean == pytest.approx(3e38, rel=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_batch_with_a_value_that_is_not_finite_is_told(bad):
    assert observed([[1.0, 2.0]], [[1.0, bad]])[1] == [True, False]
