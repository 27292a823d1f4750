"""Least distortion of the outputs of edge layers within a share of the memory."""

import numpy as np

from autosplit.search.widths import bucket_elimination


def test_what_is_forgotten_still_takes_its_narrowest_bytes(monkeypatch):
    """Two tensors of 8 elements live together: 1 byte each at 1 bit, and no less."""
    monkeypatch.setattr(bucket_elimination, "_MOST_CELLS", 1)
    size = np.array([[1, 8], [1, 8]])
    ends = np.array([1, 1])
    both = bucket_elimination.LiveOutputs(
        np.array([[4.0, 1.0], [2.0, 0.0]]), size, ends, ends, np.zeros(2, int), size, 0.25 * size
    )

    *_, last = bucket_elimination.BucketElimination(both, np.array([1, 2, 9]), "relax").tables()

    assert last.least.min(axis=1).tolist() == [np.inf, 4.0 + 2.0, 1.0 + 0.0]
    assert not last.exact
