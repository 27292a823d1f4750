import math

import pytest
import torch

from autosplit.compress.quantizers.lsq import lsq, scaled_gradient


def test_values_are_on_the_grid_and_the_step_has_the_gradient_of_lsq():
    """Step 0.5, two bits, zero 1: levels -1..2.  Of 0.6 the level is 1, of 9 it is 2, clipped.

    dy/ds is 1 - 1.2 for the first and 2 for the second; by the logarithm times 0.5; the factor is
    1 / sqrt(2 elements x 3 levels).
    """
    log_step = torch.tensor(math.log(0.5), requires_grad=True)
    value = torch.tensor([0.6, 9.0], requires_grad=True)

    got = lsq(value, log_step, torch.tensor(1.0), 2, 2)
    got.sum().backward()

    assert got.tolist() == pytest.approx([0.5, 1.0])
    assert value.grad.tolist() == [1.0, 0.0]
    assert float(log_step.grad) == pytest.approx((1 - 1.2 + 2) * 0.5 / math.sqrt(6))


def test_the_factor_leaves_the_value():
    step = torch.tensor([0.25, 4.0], requires_grad=True)

    got = scaled_gradient(step, 2, 12)
    got.sum().backward()

    assert torch.equal(got.detach(), step.detach())
    assert step.grad.tolist() == pytest.approx([1 / 6, 1 / 6])
