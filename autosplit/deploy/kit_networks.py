"""Small networks of every kind of layer, which the kit measures: each is a chain of random blocks.

A layer is measured inside a network, because what a runtime takes for it depends on its neighbours:
which operators it fuses, and how images lie in memory.  Blocks are those of the field's families;
their sizes are drawn from a seed, so that the same kit is measured everywhere.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import torch
from torch import Tensor, nn

from autosplit.deploy.kit_blocks import (
    Attention,
    Beside,
    Excitation,
    Halves,
    PixelRows,
    Residual,
    convolution,
)

Block = Callable[[random.Random, int], tuple[nn.Module, int]]
"""Draws a block for so many channels, and says how many it gives."""
ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.SiLU, nn.Hardswish, nn.Identity, nn.ReLU, nn.LeakyReLU)
SIZES = (224, 224, 224, 192, 160, 320, 288, 128)
"""Heights and widths of the images of the first networks; others are drawn among them."""
NETWORKS = 13
_RANDOM = 10
"""Networks of random blocks; the others are written down."""


def convolutions(draw: random.Random, given: int) -> tuple[nn.Module, int]:
    """One or two convolutions of any kernel."""
    made, act = channels(draw, given), draw.choice(ACTIVATIONS)
    first = convolution(given, made, draw.choice((1, 3, 3, 5)), act=act)
    if draw.random() < 0.5:
        return first, made
    return nn.Sequential(first, convolution(made, made, draw.choice((1, 3)), act=act)), made


def residual(draw: random.Random, given: int) -> tuple[nn.Module, int]:
    """A block of a ResNet, with a bottleneck or without one, perhaps with groups."""
    narrow = max(given // draw.choice((1, 2, 4)) // 8 * 8, 8)
    groups = draw.choice((1, 1, narrow // 8))
    body = [
        convolution(given, narrow, draw.choice((1, 3))),
        convolution(narrow, narrow, 3, groups=groups),
        convolution(narrow, given, 1, act=nn.Identity),
    ]
    return nn.Sequential(Residual(*body), nn.ReLU()), given


def inverted(draw: random.Random, given: int) -> tuple[nn.Module, int]:
    """A block of a MobileNet or an EfficientNet: wider, depthwise, narrower."""
    act, kernel, stride = (
        draw.choice(ACTIVATIONS),
        draw.choice((3, 3, 5, 7)),
        draw.choice((1, 1, 2)),
    )
    wide = given * draw.choice((1, 3, 4, 6))
    made = given if stride == 1 else channels(draw, given)
    body: list[nn.Module] = [
        convolution(given, wide, 1, act=act),
        convolution(wide, wide, kernel, stride, wide, act),
    ]
    if draw.random() < 0.3:
        gate = draw.choice((nn.Sigmoid, nn.Hardsigmoid))()
        body.append(Excitation(wide, max(given // 4, 4), gate))
    body.append(convolution(wide, made, 1, act=nn.Identity))
    return (Residual(*body) if stride == 1 else nn.Sequential(*body)), made


def fire(draw: random.Random, given: int) -> tuple[nn.Module, int]:
    """A block of a SqueezeNet: narrower, then two convolutions side by side."""
    narrow, wide = max(given // 4, 8), channels(draw, given) // 2
    both = Beside(convolution(narrow, wide, 1), convolution(narrow, wide, 3))
    return nn.Sequential(convolution(given, narrow, 1), both), 2 * wide


def dense(draw: random.Random, given: int) -> tuple[nn.Module, int]:
    """A block of a DenseNet: a norm, two convolutions, their channels beside the input's."""
    more = draw.choice((16, 32, 48))
    body = nn.Sequential(
        nn.BatchNorm2d(given),
        nn.ReLU(),
        convolution(given, 4 * more, 1),
        nn.Conv2d(4 * more, more, 3, padding=1),
    )
    return Beside(nn.Identity(), body), given + more


def shuffled(draw: random.Random, given: int) -> tuple[nn.Module, int]:
    """A block of a ShuffleNet."""
    half = given // 2
    if given % 2:
        return convolutions(draw, given)
    depthwise = convolution(half, half, 3, groups=half, act=nn.Identity)
    return Halves(
        nn.Sequential(convolution(half, half, 1), depthwise, convolution(half, half, 1))
    ), given


def pooled(draw: random.Random, given: int) -> tuple[nn.Module, int]:
    """A pool that keeps or halves the size."""
    kind = draw.choice((nn.MaxPool2d, nn.MaxPool2d, nn.AvgPool2d))
    kernel, stride = draw.choice(((2, 2), (3, 2), (3, 1), (5, 1)))
    return kind(kernel, stride, kernel // 2), given


def resized(draw: random.Random, given: int) -> tuple[nn.Module, int]:
    """Twice the size, then narrower, then half the size again."""
    made = channels(draw, given)
    mode = draw.choice(("nearest", "nearest", "bilinear"))
    return (
        nn.Sequential(
            convolution(given, max(given // 2, 8), 1),
            nn.Upsample(scale_factor=2, mode=mode),
            convolution(max(given // 2, 8), made, 3, 2),
        ),
        made,
    )


def pools() -> list[nn.Module]:
    """Pools of every kind and size between convolutions."""
    body: list[nn.Module] = [convolution(3, 64, 3, 2)]
    given = 64
    for made, last in ((48, nn.MaxPool2d(3, 2)), (96, nn.AvgPool2d(2)), (192, nn.MaxPool2d(2))):
        body += [convolution(given, made, 1), nn.MaxPool2d(3, 1, 1), convolution(made, made, 1)]
        body += [nn.AvgPool2d(3, 1, 1), convolution(made, made, 1), nn.MaxPool2d(5, 1, 2)]
        body += [Beside(convolution(made, made, 1), convolution(made, made, 3)), last]
        given = 2 * made
    return [*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(given, 1000)]


def gates() -> list[nn.Module]:
    """Channels that are weighed, shuffled and put together, also where they fill no register."""
    body: list[nn.Module] = [convolution(3, 36, 3, 2), nn.MaxPool2d(3, 2, 1)]
    given = 36
    for made, squeezed in ((58, 8), (116, 12), (232, 24), (464, 48)):
        depthwise = convolution(made, made, 3, groups=made, act=nn.Identity)
        inner = nn.Sequential(convolution(made, made, 1), depthwise, convolution(made, made, 1))
        body += [convolution(given, 2 * made, 1, 2 if given > 36 else 1), Halves(inner)]
        body += [Excitation(2 * made, squeezed, nn.Sigmoid()), convolution(2 * made, made, 1)]
        more = made // 4 * 2
        body += [Beside(nn.Identity(), convolution(made, more, 3, groups=2))]
        given = made + more
    return [*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(given, 100)]


def heavy() -> list[nn.Module]:
    """Convolutions whose weights fill the caches, pools behind a slow activation function."""
    body: list[nn.Module] = []
    given = 3
    for made in (24, 48, 96, 192, 384):
        body += [convolution(given, made, 3, act=nn.LeakyReLU), nn.MaxPool2d(2)]
        given = made
    body += [convolution(384, 768, 3, act=nn.LeakyReLU), convolution(768, 192, 1, act=nn.SiLU)]
    body += [convolution(192, 1024, 3, act=nn.LeakyReLU), convolution(1024, 512, 3)]
    return [*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000)]


def channels(draw: random.Random, given: int) -> int:
    """How many channels come next: mostly multiples of 8, half to twice as many."""
    step = draw.choice((8, 8, 16, 4))
    return max(step, round(given * draw.choice((0.5, 1, 1.5, 2, 2)) / step) * step)


BLOCKS: tuple[Block, ...] = (
    convolutions,
    residual,
    inverted,
    inverted,
    fire,
    dense,
    shuffled,
    pooled,
)
_MOST_CHANNELS, _LEAST_SIDE, _BLOCKS = 640, 7, 9


def kit_network(place: int) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """One network of the kit with an input, its weights drawn from its place.

    Args:
        place: 0 to ``NETWORKS - 1``.
    """
    draw = random.Random(place)  # noqa: S311 - no secret
    torch.manual_seed(place)
    if place >= _RANDOM:
        body = (pools, gates, heavy)[place - _RANDOM]()
        return nn.Sequential(*body).eval(), (torch.randn(1, 3, 224, 224),)
    size = SIZES[place] if place < len(SIZES) else draw.choice(SIZES)
    given, side = draw.choice((16, 24, 32, 48)), size // 2
    act = draw.choice(ACTIVATIONS)
    body = [convolution(3, given, draw.choice((3, 3, 5, 7)), 2, act=act)]
    for step in range(_BLOCKS):
        block = (
            BLOCKS[(place + 3 * step) % len(BLOCKS)] if draw.random() < 0.6 else draw.choice(BLOCKS)
        )
        if side <= 80 and draw.random() < 0.15:
            block = resized
        made, given = block(draw, given)
        body.append(made)
        if side > _LEAST_SIDE and (step % 2 or side > 100):
            wider = min(channels(draw, given), _MOST_CHANNELS)
            kernel = draw.choice((1, 3, 3, 2))
            conv = nn.Conv2d(given, wider, kernel, 2, kernel // 2 if kernel != 2 else 0)
            body += [conv, draw.choice(ACTIVATIONS)()]
            given = wider
        if given > _MOST_CHANNELS:
            body.append(convolution(given, 256, 1))
            given = 256
        side = _side(body, size)
    if place % 3 == 2:
        heads = draw.choice((2, 4))
        width = 32 * heads * draw.choice((1, 2))
        body += [
            nn.Conv2d(given, width, 1),
            PixelRows(*(Attention(width, heads, draw.choice((2, 4)) * width) for _ in range(2))),
        ]
        given = width
    else:
        body += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    body.append(nn.Linear(given, draw.choice((10, 100, 1000))))
    network = nn.Sequential(*body).eval()
    return network, (torch.randn(1, 3, size, size),)


def _side(body: list[nn.Module], size: int) -> int:
    with torch.no_grad():
        return int(nn.Sequential(*body).eval()(torch.zeros(1, 3, size, size)).shape[-1])
