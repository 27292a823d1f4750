"""Operators of quantization compute what the quantizer does."""

import numpy as np
import pytest
import torch

from autosplit.deploy.quantize_operators import onnx_translations
from autosplit.grid.grid import Grid
from autosplit.quantize.affine import dequantize, fake_quantize

GRID = Grid(4, (0.25,), (3,))


def test_on_grid_is_the_affine_quantizer():
    x = torch.linspace(-3, 6, 200)

    got = torch.ops.autosplit.on_grid(x, 0.25, 3, 0, 15, 4)

    torch.testing.assert_close(got, fake_quantize(x, GRID), rtol=0, atol=0)


def test_its_ends_clamp():
    got = torch.ops.autosplit.on_grid(torch.tensor([-9.0, 9.0]), 0.25, 3, 3, 7, 4)

    assert got.tolist() == [0.0, 1.0]


@pytest.mark.parametrize(("low", "high", "bits"), [(0, 15, 4), (3, 7, 4), (0, 255, 8)])
def test_on_grid_in_onnx_is_the_operator(low, high, bits):
    """Types of whole bytes hold more levels than a narrow grid has."""
    operator = torch.ops.autosplit.on_grid.default
    x = torch.linspace(-90, 90, 721)

    got = onnx_translations()[operator](x.numpy(), 0.25, 3, low, high, bits)

    np.testing.assert_array_equal(
        np.array(got.value), operator(x, 0.25, 3, low, high, bits).numpy()
    )


def test_stored_is_dequantize_along_an_axis():
    codes = torch.arange(12, dtype=torch.uint8).reshape(3, 4)
    grid = Grid(4, (0.5, 0.25, 2.0, 1.0), (0, 1, 2, 3))

    got = torch.ops.autosplit.stored(
        codes, torch.tensor(grid.scale), torch.tensor(grid.zero_point, dtype=torch.uint8), 1
    )

    torch.testing.assert_close(got, dequantize(codes, grid, 1), rtol=0, atol=0)


def test_fields_are_the_bits_of_a_byte_from_the_lowest():
    data = torch.tensor([[0b10110100]], dtype=torch.uint8)

    assert torch.ops.autosplit.fields(data, 2).tolist() == [[[0b00, 0b01, 0b11, 0b10]]]
    assert torch.ops.autosplit.fields(data, 1).tolist() == [[[0, 0, 1, 0, 1, 1, 0, 1]]]


def test_the_operators_may_be_exported():
    for operator, arguments in (
        (torch.ops.autosplit.on_grid.default, (torch.randn(3), 0.25, 3, 0, 15, 4)),
        (torch.ops.autosplit.fields.default, (torch.zeros(2, 3, dtype=torch.uint8), 4)),
    ):
        torch.library.opcheck(operator, arguments, test_utils=("test_schema", "test_faketensor"))
