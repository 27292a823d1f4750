"""Name of a score -> its function."""

from __future__ import annotations

from autosplit.compress.scores.answer_change import answer_change_score
from autosplit.compress.scores.geometric_median import geometric_median_score
from autosplit.compress.scores.magnitude import magnitude_score
from autosplit.compress.scores.scores import UnitScore
from autosplit.compress.scores.slimming import slimming_score
from autosplit.compress.scores.taylor import taylor_score

UNIT_SCORES: dict[str, UnitScore] = {
    "distortion": answer_change_score,
    "taylor": taylor_score,
    "l1": magnitude_score,
    "bn-gamma": slimming_score,
    "fpgm": geometric_median_score,
}
"""A new score is a function in a module of its own, and a line here."""
ADDITIVE = frozenset({"distortion", "taylor"})
"""Scores that estimate a loss, so that they are weighed against the MACs that are saved; others
compare channels with each other alone."""
