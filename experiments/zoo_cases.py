"""Networks of people's kinds in the zoo: those that version 0.1.0 failed on, or got wrong silently.

One of them keeps state between calls; its row is the line that refuses it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class BoolInside(nn.Module):
    """A leaky ReLU by hand: a comparison inside the network."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(20, 16), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.a(x)
        return self.b(torch.where(y > 0, y, y * 0.1))  # type: ignore[no-any-return]


class MaskedScores(nn.Module):
    """Causal attention by hand; what a position must not see gets a score that hides it.

    Args:
        hidden: That score; None: torch's own attention.
    """

    def __init__(self, hidden: float | None) -> None:
        super().__init__()
        self.q, self.h, self.hidden = nn.Linear(32, 96), nn.Linear(32, 5), hidden

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.q(x).chunk(3, -1)
        if self.hidden is None:
            found = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.h(found[:, -1] + x.mean(1))  # type: ignore[no-any-return]
        later = torch.triu(torch.ones(10, 10, dtype=torch.bool), 1)
        scores = (q @ k.transpose(1, 2) / 32**0.5).masked_fill(later, self.hidden)
        return self.h((scores.softmax(-1) @ v)[:, -1] + x.mean(1))  # type: ignore[no-any-return]


class SqueezeAll(nn.Module):
    """``.squeeze()`` without an axis, which of one sample removes the batch axis too."""

    def __init__(self) -> None:
        super().__init__()
        self.c, self.h = nn.Conv2d(3, 8, 3), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.h(self.c(x).relu().mean((2, 3), keepdim=True).squeeze())  # type: ignore[no-any-return]


class TokenIds(nn.Module):
    """Integers in."""

    def __init__(self) -> None:
        super().__init__()
        self.e, self.h = nn.Embedding(1000, 16), nn.Linear(16, 5)

    def forward(self, ids: Tensor) -> Tensor:
        return self.h(self.e(ids).mean(1))  # type: ignore[no-any-return]


class TwoInputs(nn.Module):
    """A picture and its depth."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.h = nn.Conv2d(3, 8, 3), nn.Conv2d(1, 8, 3), nn.Linear(8, 4)

    def forward(self, rgb: Tensor, depth: Tensor) -> Tensor:
        return self.h((self.a(rgb) + self.b(depth)).relu().mean((2, 3)))  # type: ignore[no-any-return]


class OneLogit(nn.Module):
    """Yes or no, by a sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(20, 16), nn.Linear(16, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(20 * self.b(torch.tanh(self.a(x))))


class TwoOutputs(nn.Module):
    """Features and classes."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.h = nn.Linear(20, 8), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.a(x).relu()
        return features, self.h(features)


class Pixels(nn.Module):
    """A class for each pixel, in a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        y = self.b(self.a(x).relu())
        return {"out": nn.functional.interpolate(y, x.shape[-2:], mode="bilinear")}


class LastState(nn.Module):
    """An LSTM whose last hidden state is read."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.fc = nn.LSTM(20, 32, batch_first=True), nn.Linear(32, 6)

    def forward(self, x: Tensor) -> Tensor:
        _, (h, _) = self.rnn(x)
        return self.fc(h[-1])  # type: ignore[no-any-return]


class KeepsState(nn.Module):
    """A count of calls in a buffer: refused, for no split can stand for it."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("n", torch.zeros(()))
        self.f = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        self.n += 1
        return self.f(x) * self.n  # type: ignore[no-any-return]


def _pair(n: int) -> tuple[Tensor, Tensor]:
    return torch.randn(n, 3, 16, 16), torch.randn(n, 1, 16, 16)


def _ids(n: int) -> Tensor:
    return torch.randint(0, 1000, (n, 12))


def _normal(*shape: int) -> Callable[[int], Tensor]:
    return lambda n: torch.randn(n, *shape)


CASES: dict[str, tuple[str, Callable[[], tuple[nn.Module, Callable[[int], Any]]]]] = {
    "case:bool_inside": ("classification", lambda: (BoolInside(), _normal(20))),
    "case:masked_by_torch": ("classification", lambda: (MaskedScores(None), _normal(10, 32))),
    "case:masked_1e9": ("classification", lambda: (MaskedScores(-1e9), _normal(10, 32))),
    "case:masked_least": (
        "classification",
        lambda: (MaskedScores(torch.finfo(torch.float32).min), _normal(10, 32)),
    ),
    "case:masked_infinite": (
        "classification",
        lambda: (MaskedScores(float("-inf")), _normal(10, 32)),
    ),
    "case:squeeze_all": ("classification", lambda: (SqueezeAll(), _normal(3, 12, 12))),
    "case:token_ids": ("classification", lambda: (TokenIds(), _ids)),
    "case:two_inputs": ("classification", lambda: (TwoInputs(), _pair)),
    "case:one_logit": ("binary", lambda: (OneLogit(), _normal(20))),
    "case:two_outputs": ("classification", lambda: (TwoOutputs(), _normal(20))),
    "case:pixels": ("segmentation", lambda: (Pixels(), _normal(3, 32, 32))),
    "case:last_state": ("classification", lambda: (LastState(), _normal(15, 20))),
    "case:keeps_state": ("classification", lambda: (KeepsState(), _normal(8))),
}
