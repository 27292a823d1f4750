"""Efforts: how many steps a plan is finished in."""

from types import SimpleNamespace

import pytest

from autosplit.finish.effort import EFFORTS, Finishing


@pytest.mark.parametrize(("evaluations", "steps"), [(0, 3), (10, 16)])
def test_each_weight_is_a_step_and_moving_clips_takes_another_walk(evaluations, steps):
    """Three weights: one walk, or two and the evaluations between them."""
    file = SimpleNamespace(weights=dict.fromkeys("abc"))

    assert Finishing(EFFORTS["good"], evaluations).steps(file) == steps


def test_only_the_lowest_effort_leaves_biases_alone():
    assert [name for name, recovery in EFFORTS.items() if not recovery.bias] == ["none"]
