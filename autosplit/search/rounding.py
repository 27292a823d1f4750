"""How far sums of float64 are trusted, and when a value keeps a limit: one rule for all."""

from __future__ import annotations

ROUNDING = 1e-12
"""Sums are trusted up to this part of the numbers they add up."""
