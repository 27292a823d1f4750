"""The error of outputs by a moment is that of the outputs, and damping goes by hand."""

import pytest
import torch
from rounding import error_of_levels, rounding_problem

from autosplit.quantize.second_moment import damped_moment


def test_the_output_error_is_that_of_the_outputs():
    weight, moment, grid = rounding_problem(0)
    root = torch.linalg.cholesky(moment)  # inputs whose second moment is the moment
    outputs = (weight - grid.nearest(weight) * grid.scale[:, None]) @ root

    found = error_of_levels(weight, grid.nearest(weight), grid, moment)
    assert torch.allclose(found, outputs.square().sum(1), rtol=1e-4)


def test_few_samples_are_damped_more():
    """Ten columns: 0.01 of the mean diagonal for a hundred samples, 0.1 x 10 / 2 for two."""
    moment = torch.eye(10) * 4

    assert damped_moment(moment, 100)[0, 0] == pytest.approx(4.04)
    assert damped_moment(moment, 2)[0, 0] == pytest.approx(6)


def test_damping_goes_by_the_mean_of_the_diagonal_and_leaves_the_rest():
    """The mean of 2 and 6 is 4, of which 0.01 are added."""
    moment = torch.tensor([[2.0, 1.0], [1.0, 6.0]])

    assert torch.allclose(damped_moment(moment, 1000), torch.tensor([[2.04, 1.0], [1.0, 6.04]]))


def test_the_moment_of_zeros_becomes_the_identity_in_its_group_alone():
    found = damped_moment(torch.stack([torch.zeros(2, 2), torch.eye(2)]), 1000)

    assert torch.equal(found[0], torch.eye(2))
    assert torch.allclose(found[1], 1.01 * torch.eye(2))
