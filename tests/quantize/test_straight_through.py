"""Gradients of the straight-through quantizer: by hand, and against finite differences."""

import numpy as np
import pytest
import torch

from autosplit.grid.grid import Grid
from autosplit.quantize.affine import fake_quantize, numbers_along
from autosplit.quantize.straight_through import straight_through

VALUES = torch.tensor([-1.3, -0.74, -0.2, 0.0, 0.3, 0.74, 0.76, 5.0])


def gradients(x, scale, zero, bits):
    """Gradients of the sum of values times 1, 2, 3, ... with respect to values and scale."""
    x = x.clone().requires_grad_()
    scale = torch.tensor(scale).requires_grad_()
    weights = torch.arange(1.0, x.numel() + 1).view(x.shape)
    (straight_through(x, scale, zero, bits) * weights).sum().backward()
    return x.grad, scale.grad


@pytest.mark.parametrize("bits", range(1, 17))
@pytest.mark.parametrize("zero", [0.0, 0.4, 1.0])
def test_the_numbers_are_those_of_the_fake_quantizer_to_the_bit(bits, zero):
    x = torch.randn(1000, generator=torch.Generator().manual_seed(bits))
    grid = Grid.of(bits, 0.37, round(zero * (2**bits - 1)))

    got = straight_through(x, *grid.per_tensor, bits)

    assert torch.equal(got, fake_quantize(x, grid))


def test_channels_have_grids_of_their_own():
    x = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))
    grid = Grid.of(3, (0.1, 0.2, 0.5, 1.0), (0, 3, 7, 4))

    got = straight_through(x, *numbers_along(grid, 1, 3), 3)

    assert torch.equal(got, fake_quantize(x, grid, 1))


def test_a_gradient_passes_where_nothing_is_clamped():
    """Step 0.5, levels -2..1: -1.3 rounds to -3, 0.76 to 2 and 5 to 10, which are clamped."""
    of_x, _ = gradients(VALUES, 0.5, 2, 2)

    assert of_x.tolist() == [0, 2, 3, 4, 5, 6, 0, 0]


def test_the_gradient_of_the_step_is_the_rounding_error_or_the_level_where_it_is_clamped():
    """x / s is -2.6, -1.48, -0.4, 0, 0.6, 1.48, 1.52 and 10."""
    _, of_scale = gradients(VALUES, 0.5, 2, 2)

    # clamped: -2, 1 and 1; else round(x / s) - x / s
    each = [-2, -1 + 1.48, 0 + 0.4, 0, 1 - 0.6, 1 - 1.48, 1, 1]
    assert float(of_scale) == pytest.approx(np.dot(each, range(1, 9)), rel=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_gradients_are_finite_differences_of_the_quantizer_with_its_rounding_errors_held(seed):
    """The estimator differentiates clamp(x / s + error) s, the errors of rounding being fixed."""
    rng = np.random.default_rng(seed)
    bits, zero = int(rng.integers(1, 5)), int(rng.integers(0, 2))
    x, scale = rng.normal(size=40), rng.uniform(0.1, 1.0)
    weights = np.arange(1.0, 41)
    error = np.round(x / scale) - x / scale
    levels = np.round(x / scale)
    near = (np.abs(levels + zero) < 1e-3) | (np.abs(levels - (2**bits - 1 - zero)) < 1e-3)

    def value(x, scale):
        kept = np.clip(x / scale + error, -zero, 2**bits - 1 - zero)
        kept = np.where(near, x / scale + error, kept)  # at an end the estimator lets through
        return float((kept * scale * weights).sum())

    h = 1e-6
    tensor = torch.tensor(x, requires_grad=True)
    step = torch.tensor(scale, requires_grad=True)
    (straight_through(tensor, step, zero, bits) * torch.tensor(weights)).sum().backward()
    for place in range(40):
        moved = np.eye(40)[place] * h
        want = (value(x + moved, scale) - value(x - moved, scale)) / (2 * h)
        assert float(tensor.grad[place]) == pytest.approx(want, abs=1e-4)
    want = (value(x, scale + h) - value(x, scale - h)) / (2 * h)
    assert float(step.grad) == pytest.approx(want, rel=1e-5, abs=1e-4)


def test_the_step_of_each_channel_gets_the_gradient_of_its_channel():
    x = torch.tensor([[0.2, 0.9], [0.2, 0.9]])
    scale = torch.tensor([[0.5], [1.0]], requires_grad=True)

    straight_through(x, scale, 0, 1).sum().backward()

    # 0.4 -> 0, 1.8 -> 2, clamped to 1; 0.2 -> 0, 0.9 -> 1
    torch.testing.assert_close(scale.grad, torch.tensor([[-0.4 + 1], [-0.2 + 0.1]]))


@pytest.mark.parametrize("order", ["rows", "channels last", "gaps", "parts"])
def test_gradients_are_the_same_in_any_order_of_memory(order, monkeypatch):
    """Each element on its own, by the formulas of the module's docstring."""
    x = 2 * torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    weights = torch.arange(1.0, x.numel() + 1).view(x.shape)
    if order == "channels last":
        x = x.contiguous(memory_format=torch.channels_last)
    elif order == "gaps":
        x = torch.stack([x, x], dim=-1)[..., 0]
    elif order == "parts":
        monkeypatch.setattr("autosplit.quantize.straight_through._PART", 7)
    leaf = x.detach().requires_grad_()
    step = torch.tensor(0.5).requires_grad_()

    y = straight_through(leaf, step, 3, 3)
    (y * weights).sum().backward()

    rounded = (x / 0.5).round()
    kept = rounded.clamp(-3, 4)
    inside = kept == rounded
    assert torch.equal(y, kept * 0.5)
    assert torch.equal(leaf.grad, weights * inside)
    each = torch.where(inside, rounded - x / 0.5, kept)
    assert float(step.grad) == pytest.approx(float((each * weights).sum()), rel=1e-5)
