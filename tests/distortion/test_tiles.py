"""Tensors in tiles and pieces."""

import pytest
from tape import FUNCTIONS, Tape, expected_stats, samples, split

from autosplit.distortion import tiles as module
from autosplit.distortion.measure import measure


def test_moments_of_samples_larger_than_a_tile_are_exact(monkeypatch):
    monkeypatch.setattr(module, "TILE", 1 << 8)
    data = samples(7)
    stats = measure(Tape(FUNCTIONS), split(data, [3, 4]))

    for name, function in FUNCTIONS.items():
        for key, value in expected_stats(function(data)).items():
            assert getattr(stats.tensors[name], key) == pytest.approx(value, rel=1e-5), (name, key)
