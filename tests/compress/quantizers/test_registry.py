import math

import pytest
import torch

from autosplit.compress.quantizers.registry import QUANTIZERS, STARTS_ELSEWHERE, final_step
from autosplit.quantize.straight_through import straight_through
from autosplit.runs.declared.choices import QUANTIZER_NAMES


def test_options_name_every_quantizer():
    assert tuple(QUANTIZERS) == QUANTIZER_NAMES


@pytest.mark.parametrize("name", QUANTIZERS)
def test_values_are_those_of_the_step_that_a_plan_gets(name):
    """As an evaluation of the plan has them: without gradients, no quantizer moves its step."""
    value = torch.randn(4, 9, generator=torch.Generator().manual_seed(0))
    log_step, zero = torch.tensor([math.log(0.3)]), torch.tensor(3.0)

    with torch.no_grad():
        got = QUANTIZERS[name](value, log_step, zero, 3, 9)

    assert torch.equal(got, straight_through(value, final_step(name, log_step), zero, 3))


def test_only_powers_of_two_start_elsewhere():
    log_step = torch.tensor([math.log(0.3)])
    moved = [
        name
        for name in QUANTIZERS
        if not torch.isclose(final_step(name, log_step), torch.tensor(0.3))
    ]

    assert tuple(moved) == STARTS_ELSEWHERE
