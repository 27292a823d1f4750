"""Score ``l1``: mean magnitude of the filters of a unit, over the mean of its group.

Li et al. 2017 ("Pruning Filters for Efficient ConvNets", section 3.1) sum magnitudes of one layer;
the mean over all filters of a unit compares units of several layers.
"""

from __future__ import annotations

import numpy as np

from autosplit.compress.scores.scores import Scored, UnitScores


def magnitude_score(scored: Scored) -> UnitScores:
    """Score units by the magnitude of their filters."""
    slots = scored.channels.written
    found = scored.per_unit([(slot, np.abs(scored.rows(slot)).mean(1)) for slot in slots])
    return np.nan_to_num(scored.relative(found), nan=np.inf)
