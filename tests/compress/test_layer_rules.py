import pytest
import torch
from nets import Net
from prunable import conv, half_of, live_of, net
from torch import nn

from autosplit.compress.channel_groups import channel_groups
from autosplit.compress.layer_rules import LAYER_RULES
from autosplit.compress.slicing import SLICING_ERROR, check_sliced, masked, sliced

TRANSPOSED = {
    "plain": lambda: nn.ConvTranspose2d(6, 8, 2, 2),
    "in groups": lambda: nn.ConvTranspose2d(6, 8, 2, 2, groups=2),
    "depthwise": lambda: nn.ConvTranspose2d(6, 6, 2, 2, groups=6),
}


@pytest.mark.parametrize("name", TRANSPOSED)
def test_transposed_convolutions_are_sliced_as_they_are_masked(name):
    middle = TRANSPOSED[name]()
    network = net(
        lambda m, x: m.c(m.t(m.a(x))), a=conv(3, 6), t=middle, c=conv(middle.out_channels, 4)
    )
    live = live_of(network)
    channels = channel_groups(live)
    keep = half_of(channels)

    assert check_sliced(sliced(live, channels, keep), masked(live, channels, keep)) <= SLICING_ERROR
    assert ("a.weight" in channels.whole) == (name == "in groups")


def test_a_computed_weight_keeps_what_it_reads():
    def forward(m, x):
        weight = m.b.weight / m.b.weight.std()
        return nn.functional.conv2d(m.a(x), weight)

    live = live_of(Net(forward, a=conv(3, 6), b=conv(6, 4, 1, bias=False)))

    assert "whose weight is computed" in channel_groups(live).whole["a.weight"]


def test_every_layer_of_the_table_is_an_operator_of_torch():
    assert all(hasattr(torch.ops.aten, name) for name in LAYER_RULES)
