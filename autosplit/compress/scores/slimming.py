"""Score ``bn-gamma``: magnitude of the scale of the batch norm that a channel goes through.

Network Slimming (Liu et al. 2017, section 3).  It means most after sparse training, which pulls
the scales towards zero; without that, other scores lose less.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from autosplit.capture.operators import BATCH_NORMS, arguments, is_call
from autosplit.compress.scores.scores import Scored, UnitScores
from autosplit.compress.walk import Slot
from autosplit.errors import OptionError


def slimming_score(scored: Scored) -> UnitScores:
    """Score units by the scales of their batch norms; units without one are kept.

    Raises:
        OptionError: The network has no batch norm with a scale.
    """
    found = scored.per_unit(norm_scales(scored))
    return np.nan_to_num(found, nan=np.inf)


def norm_scales(scored: Scored) -> list[tuple[Slot, npt.NDArray[np.float64]]]:
    """Magnitude of the scales of every batch norm, in order.

    Raises:
        OptionError: The network has no batch norm with a scale.
    """
    norms = {
        (node.name, str(arguments(node)["weight"].target))
        for node in scored.live.calls
        if is_call(node, *BATCH_NORMS) and arguments(node)["weight"] is not None
    }
    slots = [slot for slot in scored.channels.slots if (slot.node, slot.target) in norms]
    if not slots:
        raise OptionError(
            f"--score bn-gamma: needs batch norms with scales, {scored.live.name} has none; "
            "take another score, such as distortion"
        )
    return [(slot, np.abs(scored.rows(slot)).mean(1)) for slot in slots]
