import torch
from nets import Net
from torch import nn

from autosplit.compress.live import live_network
from autosplit.compress.not_finite import first_not_finite


def test_the_first_layer_that_is_not_finite_is_named():
    network = Net(
        lambda m, x: m.b(torch.relu(m.n(m.a(x)))),
        a=nn.Conv2d(1, 4, 3),
        n=nn.BatchNorm2d(4),
        b=nn.Conv2d(4, 2, 1),
    )
    live = live_network(network, torch.randn(2, 1, 4, 4), "net")
    assert first_not_finite(live.module, torch.randn(2, 1, 4, 4)) == ""

    with torch.no_grad():
        live.value("n.weight").fill_(float("inf"))

    assert first_not_finite(live.module, torch.randn(2, 1, 4, 4)) == "n"
