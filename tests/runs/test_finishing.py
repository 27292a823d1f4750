"""Efforts and switches: what each stands for."""

import pytest

from autosplit.finish.effort import EFFORTS, Finishing
from autosplit.runs.finishing import finishing_of
from autosplit.runs.options import QuantizeOptions


@pytest.mark.parametrize("effort", EFFORTS)
def test_an_effort_alone_is_what_it_stands_for(effort):
    assert finishing_of(QuantizeOptions(effort=effort)) == Finishing(EFFORTS[effort])


def test_a_switch_goes_before_the_effort():
    options = QuantizeOptions(effort="fast", rounding="moment", bias="off", joint_clips="on")
    found = finishing_of(options)

    assert (found.recovery.rounding, found.recovery.bias) == ("moment", False)
    assert found.evaluations > 0


@pytest.mark.parametrize(("clipping", "asked", "joint"), [
    ("lapq", "auto", True), ("mse", "auto", False), ("lapq", "off", False), ("mse", "on", True)
])  # fmt: skip
def test_lapq_clips_are_moved_jointly_unless_told_otherwise(clipping, asked, joint):
    found = finishing_of(QuantizeOptions(joint_clips=asked), clipping)

    assert bool(found.evaluations) == joint
