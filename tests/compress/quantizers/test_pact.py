import math

import pytest
import torch

from autosplit.compress.quantizers.pact import pact


def test_only_clipped_values_move_the_step():
    """Levels -1..2 of a step of 0.5: 9 is clipped to 1.0 and -9 to -0.5; 0.6 is within.

    By the logarithm of the step the derivatives are the ends themselves, 1.0 and -0.5.
    """
    log_step = torch.tensor(math.log(0.5), requires_grad=True)
    value = torch.tensor([0.6, 9.0, -9.0], requires_grad=True)

    got = pact(value, log_step, torch.tensor(1.0), 2, 3)
    (got * torch.tensor([1.0, 1.0, 3.0])).sum().backward()

    assert got.tolist() == pytest.approx([0.5, 1.0, -0.5])
    assert value.grad.tolist() == [1.0, 0.0, 0.0]
    assert float(log_step.grad) == pytest.approx((1.0 - 3 * 0.5) / math.sqrt(9))


def test_without_clipped_values_the_step_stays():
    log_step = torch.tensor(math.log(0.5), requires_grad=True)

    pact(torch.tensor([0.6, -0.4]), log_step, torch.tensor(1.0), 2, 2).sum().backward()

    assert float(log_step.grad) == 0
