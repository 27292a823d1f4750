import numpy as np
import prunable
import pytest
from prunable import live_of

from autosplit.compress.channel_groups import channel_groups
from autosplit.compress.scores.scores import Scored


def test_scores_of_a_group_are_relative_to_their_mean():
    live = live_of(prunable.flattened())
    scored = Scored(live, channel_groups(live))
    scores = np.arange(len(scored.channels.free), dtype=float)

    found = scored.relative(scores)

    for group in scored.channels.groups:
        assert found[list(group.units)].mean() == pytest.approx(1)


def test_numbers_by_channel_are_averaged_over_the_places_of_a_unit():
    live = live_of(prunable.residual())
    scored = Scored(live, channel_groups(live))
    a, b = (s for s in scored.channels.written if s.target in ("a.weight", "b.weight"))

    found = scored.per_unit([(a, np.full(8, 1.0)), (b, np.full(8, 3.0))])

    assert (found[a.label] == 2).all()
