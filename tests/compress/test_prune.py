from dataclasses import replace

import numpy as np
import prunable
import pytest
import torch
from prunable import live_of, net
from torch import nn
from torch.nn import functional as F

from autosplit.compress.prune import PruningGoal, prune
from autosplit.errors import OptionError


@pytest.fixture
def live():
    return live_of(prunable.flattened())


def batches(live):
    torch.manual_seed(2)
    return [tuple(torch.randn_like(x) for x in live.example) for _ in range(2)]


def test_a_share_of_the_macs_is_left(live):
    found = prune(live, PruningGoal(macs=0.5), batches(live))

    assert sum(p.numel() for p in found.live.module.parameters()) < 0.6 * sum(
        p.numel() for p in live.module.parameters()
    )
    assert found.error <= 1e-5
    assert found.program.module()(*live.example).shape == (2, 4)
    for target, places in found.kept_channels.items():
        assert len(places) == len(found.live.value(target))


def test_a_ratio_counts_units_that_may_go(live):
    found = prune(live, PruningGoal(ratio=0.5, score="l1", is_refit=False), batches(live))

    assert (~found.keep).sum() == 8  # of 6 channels and 10 features


def test_a_ratio_that_leaves_nothing_is_refused(live):
    with pytest.raises(OptionError, match="sparsity too high, 16 of 16 channels"):
        prune(live, PruningGoal(ratio=1.0), batches(live))


def test_seconds_are_those_that_are_predicted(live):
    def seconds_of(small):
        return float(sum(p.numel() for p in small.module.parameters()))

    found = prune(live, PruningGoal(latency_s=500.0, seconds_of=seconds_of), batches(live))

    assert seconds_of(found.live) <= 500


def test_a_network_that_cannot_be_pruned_says_why():
    live = live_of(net(lambda m, x: m.a(x), a=nn.Conv2d(3, 4, 1)))

    with pytest.raises(OptionError, match="must have channels that may be pruned"):
        prune(live, PruningGoal(ratio=0.5), batches(live))


def test_the_network_itself_stays_as_it_was(live):
    before = {k: v.clone() for k, v in live.tensors.items()}

    prune(live, PruningGoal(macs=0.5), batches(live))

    assert all(torch.equal(before[k], v) for k, v in live.tensors.items())
    assert np.isfinite([float(v.detach().sum()) for v in live.tensors.values()]).all()


def test_a_named_pruning_takes_a_share_of_the_scores(live):
    found = prune(live, PruningGoal(method="slim", percent=0.5, score="l1"), batches(live))

    assert (~found.keep).sum() == 8  # of 6 channels and 10 features
    assert found.error <= 1e-5


def test_more_blocks_than_there_are_are_refused():
    live = live_of(prunable.plain())

    with pytest.raises(OptionError, match="--blocks: net has 0 residual blocks that may go, got 1"):
        prune(live, PruningGoal(method="layer", blocks=1), batches(live))


def test_a_network_without_a_block_is_fit_to_the_whole_one():
    def forward(m, x):
        y = F.relu(m.a(x))
        return m.c(y + m.b(y))

    live = live_of(
        prunable.net(forward, a=prunable.conv(3, 5), b=prunable.conv(5, 5), c=prunable.conv(5, 4))
    )
    goal = PruningGoal(method="layer", blocks=1, is_refit=False)
    inputs = batches(live)

    rough, fit = (prune(live, one, inputs) for one in (goal, replace(goal, is_refit=True)))

    def error(one):
        with torch.no_grad():
            pairs = [(one.live.module(*x)[0], live.module(*x)[0]) for x in inputs]
        return sum(float((a - b).square().sum()) for a, b in pairs)

    assert [len(one.dropped) for one in (rough, fit)] == [1, 1]
    assert error(fit) < 0.5 * error(rough)
