"""Small networks for pruning, each with one way in which channels go together."""

import numpy as np
import torch
from nets import Net, randomize
from torch import nn
from torch.nn import functional as F

from autosplit.compress.channel_groups import channel_groups
from autosplit.compress.live import live_network
from autosplit.compress.slicing import check_sliced, masked, sliced


def conv(inputs, outputs, kernel=3, **options):
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, **options)


def net(function, **modules):
    """A network with random weights and statistics; biases are left as they are."""
    torch.manual_seed(0)
    return randomize(Net(function, **modules))


def live_of(network, *shape):
    torch.manual_seed(1)
    return live_network(network, torch.randn(shape or (2, 3, 8, 8)), "net")


def half_of(channels, seed=0):
    """Keep about half of the units of every group, at least one, at random."""
    random = np.random.default_rng(seed)
    keep = np.ones(len(channels.free), bool)
    for group in channels.groups:
        units = random.permutation(np.array(group.units))
        keep[units[: len(units) // 2]] = False
    return keep


def pruned_half(network, *shape, seed=0):
    """Prune half of a network; gives it, the pruned one and the difference from the masked one."""
    live = live_of(network, *shape)
    channels = channel_groups(live)
    keep = half_of(channels, seed)
    small = sliced(live, channels, keep)
    return live, small, check_sliced(small, masked(live, channels, keep))


def weights_of(live):
    return sum(value.numel() for value in live.module.parameters())


def plain():
    return net(
        lambda m, x: m.c(F.relu(m.n(m.b(F.relu(m.a(x)))))),
        a=conv(3, 8),
        b=conv(8, 6, bias=False),
        n=nn.BatchNorm2d(6),
        c=conv(6, 4),
    )


def residual():
    return net(
        lambda m, x: m.c(F.relu(m.a(x) + m.b(F.relu(m.s(x))))),
        s=conv(3, 5),
        a=conv(3, 8),
        b=conv(5, 8),
        c=conv(8, 4),
    )


def concatenated():
    return net(
        lambda m, x: m.c(torch.cat([F.relu(m.a(x)), x, F.silu(m.b(x))], 1)),
        a=conv(3, 6),
        b=conv(3, 4),
        c=conv(13, 4),
    )


def divided():
    def forward(m, x):
        first, second = m.a(x).chunk(2, 1)
        third = first[:, 1:3]
        return m.c(first * torch.sigmoid(second)) + m.d(third)

    return net(forward, a=conv(3, 12), c=conv(6, 4), d=conv(2, 4))


def depthwise():
    return net(
        lambda m, x: m.c(F.hardswish(m.d(F.relu6(m.a(x))))),
        a=conv(3, 8),
        d=conv(8, 16, groups=8),
        c=conv(16, 4),
    )


def grouped():
    return net(
        lambda m, x: m.c(F.relu(m.g(F.relu(m.a(x))))),
        a=conv(3, 12),
        g=conv(12, 8, groups=4),
        c=conv(8, 4),
    )


def flattened():
    return net(
        lambda m, x: m.two(F.relu(m.one(F.max_pool2d(F.relu(m.a(x)), 2).flatten(1)))),
        a=conv(3, 6),
        one=nn.Linear(96, 10),
        two=nn.Linear(10, 4),
    )


def upsampled():
    return net(
        lambda m, x: m.c(F.interpolate(m.a(x), scale_factor=2.0)) + m.d(m.t(x)),
        a=conv(3, 6),
        c=conv(6, 4),
        t=nn.ConvTranspose2d(3, 6, 2, 2),
        d=conv(6, 4),
    )


def pixel_shuffled():
    return net(lambda m, x: m.c(F.relu(F.pixel_shuffle(m.a(x), 2))), a=conv(3, 24), c=conv(6, 4))


def shuffled():
    def forward(m, x):
        y = torch.cat([m.a(x), m.b(x)], 1)
        y = y.view(y.shape[0], 2, 6, 8, 8).transpose(1, 2).reshape(y.shape[0], 12, 8, 8)
        return m.c(y)

    return net(forward, a=conv(3, 6), b=conv(3, 6), c=conv(12, 4))


def excited():
    def forward(m, x):
        y = m.a(x)
        gate = torch.sigmoid(m.two(F.relu(m.one(y.mean((2, 3), keepdim=True)))))
        return m.c(y * gate)

    return net(forward, a=conv(3, 8), one=conv(8, 4, 1), two=conv(4, 8, 1), c=conv(8, 4))


def sloped():
    return net(
        lambda m, x: m.c(m.p(m.a(x)) * m.scale),
        a=conv(3, 8),
        p=nn.PReLU(8),
        c=conv(8, 4),
        scale=nn.Parameter(torch.rand(8, 1, 1)),
    )


def attention():
    def forward(m, x):
        y = x.flatten(2).transpose(1, 2)
        y = y + m.heads(y, y, y, need_weights=False)[0]
        return m.two(F.gelu(m.one(y)))

    heads = nn.MultiheadAttention(4, 2, batch_first=True)
    return net(forward, heads=heads, one=nn.Linear(4, 10), two=nn.Linear(10, 4))


EVERY = {
    made.__name__: made
    for made in (
        plain,
        residual,
        concatenated,
        divided,
        depthwise,
        grouped,
        flattened,
        upsampled,
        pixel_shuffled,
        shuffled,
        excited,
        sloped,
    )
}
