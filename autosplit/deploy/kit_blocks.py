"""Blocks of the field's families, of which the kit's networks are made."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Residual(nn.Module):
    """A body, and its input added to its output."""

    def __init__(self, *body: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)

    def forward(self, x: Tensor) -> Tensor:
        """The sum."""
        return torch.add(x, self.body(x))


class Beside(nn.Module):
    """Two bodies of one input, their channels put together."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor) -> Tensor:
        """Both, one after the other."""
        return torch.cat((self.first(x), self.second(x)), 1)


class Excitation(nn.Module):
    """Channels weighed by what they have in the mean (squeeze and excitation)."""

    def __init__(self, channels: int, squeezed: int, gate: nn.Module) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.down, self.up = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)
        self.act, self.gate = nn.SiLU(), gate

    def forward(self, x: Tensor) -> Tensor:
        """The channels, each times its weight."""
        weights: Tensor = self.gate(self.up(self.act(self.down(self.pool(x)))))
        return x * weights


class Halves(nn.Module):
    """Half of the channels through a body, then both shuffled."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        """Every second channel of either half."""
        kept, moved = x.chunk(2, 1)
        both = torch.cat((kept, self.body(moved)), 1)
        batch, channels, height, width = both.shape
        split = both.view(batch, 2, channels // 2, height, width).transpose(1, 2)
        return split.reshape(batch, channels, height, width)


class Attention(nn.Module):
    """A block of a transformer: attention and two linear layers, each behind a norm."""

    def __init__(self, width: int, heads: int, wider: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, wider), nn.Linear(wider, width)

    def forward(self, x: Tensor) -> Tensor:
        """The rows, (batch, rows, width)."""
        batch, rows, width = x.shape
        parts = self.qkv(self.before(x)).view(batch, rows, 3, self.heads, width // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, rows, width))
        wider: Tensor = self.down(nn.functional.gelu(self.up(self.between(x))))
        return x + wider


class PixelRows(nn.Module):
    """The pixels of an image as rows of features, for blocks of a transformer."""

    def __init__(self, *body: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)

    def forward(self, x: Tensor) -> Tensor:
        """Their mean, (batch, width)."""
        rows: Tensor = self.body(x.flatten(2).transpose(1, 2))
        return rows.mean(1)


def convolution(
    given: int,
    made: int,
    kernel: int,
    stride: int = 1,
    groups: int = 1,
    act: type[nn.Module] = nn.ReLU,
) -> nn.Sequential:
    """A convolution with its activation function."""
    conv = nn.Conv2d(given, made, kernel, stride, kernel // 2, groups=groups)
    return nn.Sequential(conv, act())
