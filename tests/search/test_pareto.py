from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autosplit.hardware.prediction import Prediction
from autosplit.plan.plan import Plan
from autosplit.search.pareto import (
    front_over,
    latency_and_distortion,
    pareto,
    pareto_of_groups,
    unbeaten,
)
from autosplit.stats.coding import InputCoding

POINTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12)

PLAN = Plan("a", "m", (), {}, {}, 0.0, 0.0, 0, 0)


def beats(a, b):
    return a[0] <= b[0] and a[1] <= b[1] and a != b


@given(POINTS)
def test_the_set_is_what_no_other_point_beats(points):
    got = pareto(np.array(points, dtype=float).reshape(-1, 2)).tolist()

    unbeaten = {p for p in points if not any(beats(q, p) for q in points)}
    assert [points[i] for i in got] == sorted(unbeaten)
    assert all(points.index(points[i]) == i for i in got), "of equals the first stays"


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 6), st.integers(0, 6)), max_size=20))
def test_the_sets_of_groups_are_those_of_each_group_alone(points):
    values = np.array(points, dtype=float).reshape(-1, 3)
    values[:, 1:] = np.where(values[:, 1:] == 6, np.inf, values[:, 1:])
    group = values[:, 0].astype(np.intp)

    got = pareto_of_groups(group, values[:, 1], values[:, 2]).tolist()

    mine = [np.flatnonzero(group == one) for one in range(3)]
    assert got == [int(i) for one in mine for i in one[pareto(values[one, 1:])]]


def test_infinite_points_are_left_out():
    assert pareto([[np.inf, 0.0], [1.0, 1.0], [0.0, np.inf]]).tolist() == [1]


def test_nothing_gives_nothing():
    assert pareto(np.zeros((0, 2))).tolist() == []


@pytest.mark.parametrize("points", [[1.0, 2.0], [[1.0, 2.0, 3.0]], [[np.nan, 1.0]]])
def test_wrong_points_are_refused(points):
    with pytest.raises(ValueError, match=r"^points: must"):
        pareto(points)


def test_points_one_rounding_apart_are_one_point():
    """In seconds, in distortion, and in both; of them the best, else the first, stays."""
    up = 1 + 2.0**-52
    assert pareto([[1.0, 2.0], [up, 1.0], [3.0, 1 / up]]).tolist() == [1]
    assert pareto([[1.0, 1.0], [up, 1 / up]]).tolist() == [0]
    assert pareto([[up, 2.0], [1.0, 2.0], [2.0, 1.0]]).tolist() == [0, 2]


def test_points_a_billionth_apart_are_two():
    assert pareto([[1.0, 2.0], [1.0 + 1e-9, 1.0]]).tolist() == [0, 1]
    assert pareto([[1.0, 1.0], [2.0, 1.0 - 1e-9]]).tolist() == [0, 1]


def test_plans_unbeaten_over_one_link_are_kept_in_their_order():
    def made(name, distortion, slow_s, fast_s):
        predictions = {"slow": Prediction(slow_s, 0, 0), "fast": Prediction(fast_s, 0, 0)}
        return replace(PLAN, name=name, distortion=distortion, predictions=predictions)

    plans = [
        made("worse", 2.0, 3.0, 3.0),
        made("fast", 2.0, 9.0, 1.0),
        made("fine", 1.0, 2.0, 2.0),
        made("slow", 3.0, 1.0, 9.0),
    ]
    assert [one.name for one in unbeaten(plans)] == ["fast", "fine", "slow"]
    assert unbeaten([]) == []
    assert latency_and_distortion(plans, "fast").tolist()[1] == [1.0, 2.0]


KINDS = [  # name, whether it is a JPEG file, seconds, distortion
    ("split", False, 4.0, 4.0),
    ("jpeg beats the split", True, 1.0, 3.0),
    ("split that the split beats", False, 5.0, 4.0),
    ("jpeg that a jpeg beats", True, 2.0, 3.5),
    ("fine split", False, 6.0, 1.0),
    ("jpeg that a split beats", True, 7.0, 2.0),
    ("fine jpeg", True, 5.0, 2.0),
]


def of_kinds(kinds):
    return [
        replace(
            PLAN,
            name=name,
            distortion=distortion,
            predictions={"one": Prediction(0, seconds, 0)},
            input_coding=InputCoding(50, 9.0, distortion) if picture else None,
        )
        for name, picture, seconds, distortion in kinds
    ]


def test_a_jpeg_file_beats_no_plan_of_tensors_while_these_beat_all():
    kept = ["split", "jpeg beats the split", "fine split", "fine jpeg"]
    assert [one.name for one in unbeaten(of_kinds(KINDS))] == kept


def test_the_front_over_a_link_is_by_rising_latency():
    assert front_over(of_kinds(KINDS), "one").tolist() == [1, 0, 6, 4]
    assert front_over(of_kinds(KINDS[1:2]), "one").tolist() == [0]
    assert front_over([], "one").tolist() == []
