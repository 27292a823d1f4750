"""Score ``fpgm``: mean distance of a filter to all filters of its layer, over that of its group.

A filter near the geometric median of its layer can be replaced by the others (He et al. 2019,
"Filter Pruning via Geometric Median", eq. 4 and 6).
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from autosplit.compress.scores.scores import Scored, UnitScores


def geometric_median_score(scored: Scored) -> UnitScores:
    """Score units by the distance of their filters to others."""
    parts = []
    for slot in scored.channels.written:
        rows = scored.rows(slot)
        parts.append((slot, cdist(rows, rows).mean(1)))
    return np.nan_to_num(scored.relative(scored.per_unit(parts)), nan=np.inf)
