"""Quantized tensors one by one, and how the distortion of fine weights is scaled."""

import pytest
import torch
from dense import IMAGES, classifier, measured

from autosplit.capture.replay import Wiring
from autosplit.distortion.quantization_errors import QuantizationErrors


@pytest.fixture(scope="module")
def errors():
    program, stats = measured(classifier())
    return QuantizationErrors(program, stats, Wiring(program), None)


def test_a_quantized_weight_has_the_error_that_was_measured(errors):
    for width in (2, 4, 8):
        error = errors.weight("middle", width) - errors.program.weight("middle")

        measured_mse = errors.stats.distortions["middle", "weight", width].mse
        assert float(error.square().mean()) == pytest.approx(measured_mse, rel=1e-3)


def test_a_quantized_activation_lies_on_its_grid(errors):
    scale, zero = errors.stats.grids["first", "activation", 3].per_tensor
    values = errors.activation("first", 3, torch.linspace(-1, 5, 50))
    levels = values / scale + zero

    assert torch.allclose(levels, levels.round(), atol=1e-4)
    assert 0 <= levels.min() <= levels.max() <= 7


def test_a_fine_weight_has_the_distortion_of_a_coarse_one_in_the_ratio_of_their_errors(errors):
    """Coarse widths are measured through the network, finer ones follow their mean square."""
    coarsest_fine = errors.coarse("first")[-1]
    known = ("first", "weight", coarsest_fine)
    mse = {b: errors.stats.distortions["first", "weight", b].mse for b in (coarsest_fine, 8)}

    assert errors.scaled(("first", "weight", 8), {known: 3.0}) == pytest.approx(
        3.0 * mse[8] / mse[coarsest_fine]
    )
    assert errors.scaled(known, {known: 3.0}) == 3.0
    assert errors.scaled(("first", "activation", 8), {known: 3.0}) == 0.0


def test_without_finishing_all_of_an_error_is_left(errors):
    assert errors.left(("first", "weight", 2)) == 1.0


def test_gradients_whose_products_float32_cannot_hold_are_widened(errors):
    rows = IMAGES[:, :5]
    kinds = {
        size: {x.dtype for x in errors.wide_enough("first", rows, [torch.full((2, 2), size)])}
        for size in (1.0, 1e-25)
    }

    assert kinds == {1.0: {torch.float32}, 1e-25: {torch.float64}}


def test_the_widths_of_a_tensor_are_those_it_was_measured_at(errors):
    assert errors.widths("first", "weight") == sorted(errors.widths("first", "activation"))
    assert errors.widths("nothing", "weight") == []
