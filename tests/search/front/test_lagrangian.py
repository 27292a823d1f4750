"""What a price of a second proves."""

import numpy as np
import pytest

from autosplit.search.front.lagrangian import PricedHalves


@pytest.mark.parametrize(
    ("sent", "seconds", "bound"),
    [
        (9, 1.0, 0.0),  # nothing is proven of what sends less than 10 bytes
        (10, 1.0, 9.0),
        (19, 1.0, 9.0),  # what sends at most 19 bytes sends at most 10 or 20: the least is 9
        (20, 1.0, 5.0),
        (99, 1.0, 5.0),
        (10, 2.0, 7.0),  # a second more than the constant one is worth 2
        (20, 9.0, 0.0),  # a distortion is never negative
    ],
)
def test_the_bound_is_that_of_all_that_sends_no_more_and_takes_no_longer(sent, seconds, bound):
    nothing, none = np.zeros(0, dtype=np.int64), np.zeros((0, 1), dtype=np.intp)
    priced = PricedHalves(
        2.0,
        np.array([0.0, 1.0]),
        none[:, 0],
        none,
        none,
        (nothing, np.array([10, 20])),
        (np.zeros(0), np.array([9.0, 5.0])),
    )
    assert priced.bound(1, sent, seconds) == bound
