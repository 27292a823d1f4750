import numpy as np
import prunable
import pytest
import torch
from prunable import live_of

from autosplit.compress.channel_groups import channel_groups
from autosplit.compress.scores.registry import ADDITIVE, UNIT_SCORES
from autosplit.compress.scores.scores import Scored
from autosplit.runs.declared.choices import SCORE_NAMES_OF_UNITS


def scored(network):
    live = live_of(network)
    torch.manual_seed(5)
    batches = [(torch.randn(3, 3, 8, 8),)]
    return Scored(live, channel_groups(live), batches, [torch.tensor([0, 1, 2])])


@pytest.mark.parametrize("name", UNIT_SCORES)
def test_every_score_is_a_number_for_each_unit_and_the_same_each_time(name):
    asked = scored(
        prunable.net(
            lambda m, x: m.c(torch.relu(m.n(m.a(x))).mean((2, 3))),
            a=prunable.conv(3, 6),
            n=torch.nn.BatchNorm2d(6),
            c=torch.nn.Linear(6, 4),
        )
    )

    found = UNIT_SCORES[name](asked)

    free = found[asked.channels.free]
    assert found.shape == asked.channels.free.shape
    assert np.isfinite(free).all()
    assert (free >= 0).all()
    assert free.max() > free.min()
    assert (found == UNIT_SCORES[name](asked)).all()


def test_options_know_the_names():
    assert tuple(UNIT_SCORES) == SCORE_NAMES_OF_UNITS
    assert set(UNIT_SCORES) > ADDITIVE
