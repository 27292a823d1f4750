"""Scores that are minus infinity, beside a softmax and without one."""

import math

import pytest
import torch
from measured import plan_for
from nets import Net
from torch import nn

from autosplit.capture.capture import capture
from autosplit.capture.infinities import masked_inputs
from autosplit.errors import CaptureError
from autosplit.halves.deployed import deploy

ROWS = 5
MASK = torch.ones(ROWS, ROWS).tril() == 0


class Attention(nn.Module):
    """Attention with a mask that the caller adds to the scores."""

    def __init__(self):
        super().__init__()
        self.a, self.h = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x, mask):
        return self.h((self.a(x) @ x.transpose(1, 2) + mask[:, None]).softmax(-1) @ x)


def by_hand(scores):
    """A softmax that subtracts the maximum."""
    powers = (scores - scores.amax(-1, keepdim=True)).exp()
    return powers / powers.sum(-1, keepdim=True)


def of_scores(function):
    """Masked scores of rows, and a linear layer on what a function makes of them."""
    torch.manual_seed(0)

    def forward(net, x):
        scores = (net.a(x) @ x.transpose(1, 2)).masked_fill(MASK, -math.inf)
        return net.h(function(scores))

    return Net(forward, a=nn.Linear(6, 6), h=nn.Linear(ROWS, 3))


@pytest.mark.parametrize(
    "function",
    [
        by_hand,
        lambda scores: torch.where(scores > 0, scores, 0.0),
        lambda scores: scores.softmax(-1) + scores.softmax(1).relu(),
        lambda scores: scores.view(-1, ROWS * ROWS).view(-1, ROWS, ROWS).exp() + scores.sigmoid(),
    ],
)
def test_what_is_infinite_joins_each_of_its_readers(function):
    x = torch.randn(8, ROWS, 6, generator=torch.Generator().manual_seed(1))
    program = capture(of_scores(function), (x[:2],))
    (want,) = program.run((x,))

    (got,), _ = deploy(program, plan_for(program, (x,), 8))(x)

    noise = (want - got).square().sum() / want.square().sum()
    assert -10 * math.log10(noise) > 30
    assert sum(layer.kind == "matmul" for layer in program.graph.layers) == 1


def test_an_answer_that_is_infinite_is_refused_in_one_line():
    network = Net(lambda net, x: net.a(x).masked_fill(MASK[:, 1:2], -math.inf), a=nn.Linear(6, 1))

    with pytest.raises(CaptureError) as caught:
        capture(network, (torch.randn(2, ROWS, 6),))

    assert "it holds infinity on the example" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("hidden", [-math.inf, -1e9, torch.finfo(torch.float32).min])
def test_a_mask_of_floats_may_be_an_input(hidden):
    """Two of five places are hidden, of the example and of the data."""
    torch.manual_seed(0)
    network = Attention()
    mask = torch.zeros(8, ROWS)
    mask[:, 3:] = hidden
    x = torch.randn(8, ROWS, 6, generator=torch.Generator().manual_seed(1))
    program = capture(network, (x[:2], mask[:2]))
    (want,) = program.run((x, mask))

    (got,), _ = deploy(program, plan_for(program, (x, mask), 8))(x, mask)

    noise = (want - got).square().sum() / want.square().sum()
    assert program.masked == ({"mask"} if math.isinf(hidden) else set())
    assert -10 * math.log10(noise) > 30


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_an_input_that_is_no_mask_hides_nothing(bad):
    x = torch.full((2, 4), 1.0)
    node = torch.fx.Graph().placeholder("x")
    x[0, 0], x[0, 1] = -math.inf, bad

    assert masked_inputs({node: x}) == set()
    assert masked_inputs({node: x.clamp_max(1).nan_to_num(1.0, neginf=-math.inf)}) == {"x"}
