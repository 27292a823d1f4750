"""Outputs of the float network and of a deployed plan: what is refused."""

import math

import pytest
import torch
from nets import Net
from torch import nn

from autosplit.capture.capture import capture
from autosplit.errors import DataError, PlanError
from autosplit.evaluate.outputs import float_outputs, plan_outputs
from autosplit.halves.wire.layout import WireLayout, WireTensor


@pytest.fixture(scope="module")
def identity():
    layer = nn.Linear(4, 4, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(4))
    return capture(nn.Sequential(layer).eval(), (torch.zeros(1, 4),), "identity")


class TestBadOutputs:
    @pytest.mark.parametrize(
        ("bad", "word"), [(math.nan, "NaN"), (math.inf, "infinity"), (-math.inf, "minus infinity")]
    )
    def test_an_image_that_is_not_finite_is_refused(self, identity, bad, word):
        images = torch.eye(4)
        images[2, 1] = bad

        with pytest.raises(DataError, match=f"^evaluation data: .*: must be finite, got {word}"):
            float_outputs(identity, images)

    def test_an_answer_that_is_no_number_is_refused(self):
        net = Net(lambda net, x: x / x.sum(1, keepdim=True))
        program = capture(net, (torch.ones(1, 4),), "share")

        with pytest.raises(DataError, match=r"share must answer with numbers, .* inputs in 0..0"):
            float_outputs(program, torch.zeros(3, 4))

    def test_bytes_that_are_not_those_of_the_plan_are_refused(self):
        class Wrong:
            layout = WireLayout((WireTensor("x", (3,), 8),))
            crossing_bytes = 3

            def __call__(self, images):
                return (images,), 3 * len(images) + 1

        with pytest.raises(PlanError, match="must send 3 bytes a sample, sent 7 for 2 samples"):
            plan_outputs(Wrong(), torch.zeros(2, 4))
