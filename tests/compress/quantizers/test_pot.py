import math

import pytest
import torch

from autosplit.compress.quantizers.pot import nearest_power, pot


@pytest.mark.parametrize(
    ("step", "expected"),
    [(0.5, 0.5), (0.6, 0.5), (0.8, 1.0), (3.0, 4.0), (2.8, 2.0), (0.01, 2**-7)],
)
def test_the_step_is_the_power_of_two_nearest_by_its_logarithm(step, expected):
    """Between 0.5 and 1 the border is at sqrt(1/2), between 2 and 4 at sqrt(8)."""
    log_step = torch.tensor(math.log(step))

    assert float(nearest_power(log_step)) == expected
    got = pot(torch.tensor([expected * 1.1]), log_step, torch.tensor(1.0), 4, 1)
    assert got.tolist() == [expected]


def test_the_step_has_a_gradient_through_its_rounding():
    """Of a clipped value at level 2 the derivative by the logarithm is 2 x 0.5."""
    log_step = torch.tensor(math.log(0.55), requires_grad=True)

    pot(torch.tensor([9.0]), log_step, torch.tensor(1.0), 2, 1).sum().backward()

    assert float(log_step.grad) == pytest.approx(2 * 0.5 / math.sqrt(3), rel=1e-5)
