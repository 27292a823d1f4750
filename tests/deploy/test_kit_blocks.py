"""Blocks of the kit's networks compute what their names say."""

import torch
from torch import nn

from autosplit.deploy.kit_blocks import Attention, Beside, Excitation, Halves, PixelRows, Residual

IMAGE = torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(0))


def test_a_residual_adds_its_input():
    assert torch.equal(Residual(nn.Identity())(IMAGE), 2 * IMAGE)


def test_two_bodies_stand_beside_each_other():
    assert torch.equal(Beside(nn.Identity(), nn.ReLU())(IMAGE)[:, :4], IMAGE)
    assert torch.equal(Beside(nn.Identity(), nn.ReLU())(IMAGE)[:, 4:], IMAGE.relu())


def test_a_gate_that_is_a_half_halves_each_channel():
    block = Excitation(4, 2, nn.Sigmoid())
    nn.init.zeros_(block.up.weight)
    nn.init.zeros_(block.up.bias)

    assert torch.equal(block(IMAGE), IMAGE / 2)


def test_halves_are_shuffled_as_a_shuffle_net_does():
    shuffled = nn.functional.channel_shuffle(IMAGE, 2)

    assert torch.equal(Halves(nn.Identity())(IMAGE), shuffled)


def test_rows_are_pixels():
    assert torch.allclose(PixelRows()(IMAGE), IMAGE.mean((2, 3)))


def test_attention_does_not_depend_on_the_order_of_the_rows():
    torch.manual_seed(0)
    block, rows = Attention(8, 2, 16), torch.randn(1, 5, 8)

    assert torch.allclose(
        block(rows)[:, [4, 2, 0, 1, 3]], block(rows[:, [4, 2, 0, 1, 3]]), atol=1e-6
    )
