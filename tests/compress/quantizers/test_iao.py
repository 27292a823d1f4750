import math

import pytest
import torch

from autosplit.compress.quantizers.iao import MOMENTUM, iao


def test_the_step_follows_the_range():
    """Levels -1..2: 6 needs a step of 3 and -5 one of 5, so the average moves towards 5."""
    log_step = torch.nn.Parameter(torch.tensor([math.log(1.0)]))
    value = torch.tensor([[6.0, -5.0, 0.0]])

    got = iao(value, log_step, torch.tensor(1.0), 2, 3)

    step = 1 + MOMENTUM * (5 - 1)
    assert float(log_step.detach().exp()) == pytest.approx(step)
    assert got.tolist() == [pytest.approx([2 * step, -step, 0])]


def test_every_channel_has_a_range_of_its_own_and_none_moves_without_gradients():
    log_step = torch.nn.Parameter(torch.zeros(2, 1))
    value = torch.tensor([[6.0, 0.0], [2.0, -1.0]])
    with torch.no_grad():
        iao(value, log_step, torch.ones(2, 1), 2, 2)
    assert log_step.tolist() == [[0.0], [0.0]]

    for _ in range(2000):
        iao(value, log_step, torch.ones(2, 1), 2, 2)

    assert log_step.detach().exp().flatten().tolist() == pytest.approx([3.0, 1.0], rel=1e-3)
