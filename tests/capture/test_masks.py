import math

import pytest
import torch
import torch.nn.functional as F
from measured import plan_for
from torch import nn

from autosplit.capture.capture import capture
from autosplit.halves.deployed import deploy

TOKENS = 10


class Attention(nn.Module):
    """m02: attention by hand, whose scores a causal mask hides in one way or another."""

    def __init__(self, scores):
        super().__init__()
        self.q, self.h = nn.Linear(32, 96), nn.Linear(32, 5)
        self.scores = scores

    def forward(self, x, mask=None):
        q, k, v = self.q(x).chunk(3, -1)
        if self.scores is None:
            found = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            hidden = torch.triu(torch.ones(TOKENS, TOKENS, dtype=torch.bool), 1)
            if mask is not None:
                hidden = hidden | (mask == 0)[:, None, :]
            found = self.scores(q @ k.transpose(1, 2) / 32**0.5, hidden).softmax(-1) @ v
        return self.h(found[:, -1] + x.mean(1))


def filled(value):
    return lambda scores, hidden: scores.masked_fill(hidden, value)


def added(value):
    return lambda scores, hidden: scores + torch.zeros(hidden.shape).masked_fill(hidden, value)


LEAST = torch.finfo(torch.float32).min
WAYS = {
    "filled with -1e9": filled(-1e9),
    "filled with the least float": filled(LEAST),
    "filled with minus infinity": filled(-math.inf),
    "filled with -100": filled(-100.0),
    "minus infinity added": added(-math.inf),
    "-10000 added": added(-10_000.0),
    "chosen": lambda scores, hidden: torch.where(hidden, LEAST, scores),
    "filled twice": lambda scores, hidden: filled(-1e9)(filled(-math.inf)(scores, hidden), hidden),
    "subtracted": lambda scores, hidden: scores - hidden.type_as(scores) * 1e6,
    "a constant subtracted": lambda scores, hidden: (
        scores - torch.full((TOKENS, TOKENS), 1e4).triu(1)
    ),
    "a pooled mask": lambda scores, hidden: (
        scores + F.max_pool1d(hidden.float().expand(len(scores), -1, -1), 1) * -1e9
    ),
    "a product of the mask": lambda scores, hidden: scores + hidden.float() * -1e9,
}


def noise_ratio(scores, *inputs):
    """Signal to noise of the answer at 8 bits, dB, and the layers."""
    torch.manual_seed(0)
    network = Attention(scores).eval()
    program = capture(network, tuple(x[:2] for x in inputs))
    (want,) = program.run(inputs)
    (got,), _ = deploy(program, plan_for(program, inputs, 8))(*inputs)
    ratio = want.square().sum() / (want - got).square().sum()
    return 10 * math.log10(ratio), program.graph


@pytest.fixture(scope="module")
def rows():
    return torch.randn(32, TOKENS, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def built_in(rows):
    return noise_ratio(None, rows)[0]


@pytest.mark.parametrize("way", WAYS)
def test_masked_scores_cost_no_accuracy(way, rows, built_in):
    """Within 1 dB of the attention that torch has, which never writes the scores."""
    found, graph = noise_ratio(WAYS[way], rows)

    assert found > built_in - 1
    scores = next(layer for layer in graph.layers if layer.kind == "attention")
    assert scores.inputs == ("q",)
    assert scores.macs == TOKENS * TOKENS * 32


def test_a_mask_of_the_batch_is_read_as_one_bit(rows, built_in):
    mask = (torch.arange(TOKENS) < torch.randint(3, TOKENS, (32, 1))).long()

    found, graph = noise_ratio(filled(-math.inf), rows, mask)

    assert found > built_in - 1
    assert [kept.bits for kept in graph.integers.values()] == [1] * len(graph.integers)


def test_scores_that_nothing_hides_stay_a_tensor(rows):
    _, graph = noise_ratio(lambda scores, hidden: scores + hidden.float().mean(), rows)

    assert [layer.kind for layer in graph.layers[1:4]] == ["matmul", "add", "softmax"]
