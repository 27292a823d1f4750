import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autosplit.search.pareto import pareto

POINTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12)


def beats(a, b):
    return a[0] <= b[0] and a[1] <= b[1] and a != b


@given(POINTS)
def test_the_set_is_what_no_other_point_beats(points):
    got = pareto(np.array(points, dtype=float).reshape(-1, 2)).tolist()

    unbeaten = {p for p in points if not any(beats(q, p) for q in points)}
    assert [points[i] for i in got] == sorted(unbeaten)
    assert all(points.index(points[i]) == i for i in got), "of equals the first stays"


def test_infinite_points_are_left_out():
    assert pareto([[np.inf, 0.0], [1.0, 1.0], [0.0, np.inf]]).tolist() == [1]


def test_nothing_gives_nothing():
    assert pareto(np.zeros((0, 2))).tolist() == []


@pytest.mark.parametrize("points", [[1.0, 2.0], [[1.0, 2.0, 3.0]], [[np.nan, 1.0]]])
def test_wrong_points_are_refused(points):
    with pytest.raises(ValueError, match=r"^points: must"):
        pareto(points)
