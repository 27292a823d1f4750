import pytest
import torch
from prunable import conv, live_of, net
from torch import nn
from torch.nn import functional as F

from autosplit.compress.residual_blocks import (
    answer_change,
    residual_blocks,
    scale_of,
    without_blocks,
)


def forward(m, x):
    y = F.relu(m.s(x))
    y = y + F.leaky_relu(m.n(m.b(F.relu(m.a(y)))))  # a block
    y = m.d(y) + y  # a block without a batch norm
    y = m.p(y) + m.q(y)  # neither side is read by the other
    branch = m.e(y)
    return m.c(y + branch) + m.c(branch)  # the branch has another reader


@pytest.fixture(scope="module")
def live():
    return live_of(
        net(
            forward,
            s=conv(3, 4),
            a=conv(4, 6),
            b=conv(6, 4, bias=False),
            n=nn.BatchNorm2d(4),
            d=conv(4, 4),
            p=conv(4, 4),
            q=conv(4, 4),
            e=conv(4, 4),
            c=conv(4, 2),
        )
    )


def test_a_block_is_a_branch_that_is_added_to_what_it_reads(live):
    first, second = residual_blocks(live)

    assert first.scales == "n.weight"
    assert [name.partition("_")[0] for name in first.branch] == [
        "conv2d",
        "relu",
        "conv2d",
        "batch",
        "leaky",
    ]
    assert second.scales is None
    assert len(second.branch) == 1


def test_a_network_without_a_block_is_one_whose_branch_adds_zero(live):
    block = residual_blocks(live)[0]
    (found,) = without_blocks(live, (block,)).module(*live.example)

    kept = {name: live.value(name).detach().clone() for name in ("n.weight", "n.bias")}
    with torch.no_grad():
        live.value("n.weight").zero_()
        live.value("n.bias").zero_()
        (wanted,) = live.module(*live.example)
        for name, value in kept.items():
            live.value(name).copy_(value)

    torch.testing.assert_close(found, wanted)


def test_what_went_is_gone(live):
    left = without_blocks(live, residual_blocks(live))

    assert sorted({name.partition(".")[0] for name in left.tensors}) == ["c", "e", "p", "q", "s"]
    assert residual_blocks(left) == ()


def test_scores_of_blocks_by_hand(live):
    first, second = residual_blocks(live)

    scales = live.value("n.weight").detach().abs()
    assert scale_of(live, first) == pytest.approx(float(scales.mean()))
    with torch.no_grad():
        (exact,), (moved,) = (
            one.module(*live.example) for one in (live, without_blocks(live, (second,)))
        )
    expected = (moved - exact).square().mean() / exact.square().mean()
    assert answer_change(live, second, [live.example]) == pytest.approx(float(expected), rel=1e-5)
