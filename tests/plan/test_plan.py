"""The record of a plan."""

from dataclasses import replace

import pytest
from plans import plan_file


@pytest.mark.parametrize(
    ("distortion", "bound", "gap"),
    [(0.25, 0.2, 0.2), (1.0, 1.0, 0.0), (1.0, 1.1, 0.0), (4.0, 1.0, 0.75), (0.0, 0.0, 0.0)],
)
def test_the_gap_is_relative_to_the_distortion(distortion, bound, gap):
    plan = replace(plan_file().plan, distortion=distortion, lower_bound=bound)

    assert plan.optimality_gap == pytest.approx(gap)
