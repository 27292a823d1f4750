import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from autosplit.compress.units import Ties, reshaped, runs


def test_tied_numbers_are_one_unit():
    ties = Ties()
    a, b, c = (ties.fresh((2,)) for _ in range(3))
    ties.tie(a, b)
    ties.tie(b[:1], c[1:])

    units = ties.units()

    assert units[a[0]] == units[b[0]] == units[c[1]]
    assert units[a[1]] == units[b[1]]
    assert len(set(units.tolist())) == 3


def test_the_first_reason_to_stay_counts():
    ties = Ties()
    label = ties.fresh((1,))
    ties.freeze(label, "first")
    ties.freeze(label, "second")

    assert ties.frozen == {0: "first"}


def test_tying_along_an_axis_leaves_one_place():
    ties = Ties()
    label = ties.fresh((2, 3))

    assert ties.tie_along(label, 0).shape == (1, 3)
    assert len(set(ties.units().tolist())) == 3


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.randoms())
def test_a_reshaped_label_is_the_reshaped_array_of_numbers(shape, random):
    size = int(np.prod(shape))
    left, after = size, []
    while left > 1:
        factor = random.choice([d for d in range(2, left + 1) if left % d == 0])
        after.append(factor)
        left //= factor
    axis = random.randrange(len(shape))
    own = [n if i == axis else 1 for i, n in enumerate(shape)]
    label = np.arange(shape[axis]).reshape(own)

    got = np.broadcast_to(reshaped(label, tuple(shape), tuple(after)), after)

    assert (got == np.broadcast_to(label, shape).reshape(after)).all()


def test_axes_meet_in_runs_of_equal_products():
    assert runs((2, 3, 1, 1), (2, 3)) == [([0], [0]), ([1], [1]), ([2], []), ([3], [])]
    assert runs((4, 6), (2, 12)) == [([0, 1], [0, 1])]
