"""Tensors in tiles and pieces."""

from types import SimpleNamespace

import pytest
import torch
from tape import FUNCTIONS, Tape, expected_stats, samples, split
from torch import nn

from autosplit.capture.batch_axis import BatchLayout
from autosplit.capture.capture import capture
from autosplit.distortion import tiles as module
from autosplit.distortion.coded import code_tensors
from autosplit.distortion.measure import measure
from autosplit.distortion.metrics import METRICS, sensitivity


def test_moments_of_samples_larger_than_a_tile_are_exact(monkeypatch):
    monkeypatch.setattr(module, "TILE", 1 << 8)
    data = samples(7)
    stats = measure(Tape(FUNCTIONS), split(data, [3, 4]))

    for name, function in FUNCTIONS.items():
        for key, value in expected_stats(function(data)).items():
            assert getattr(stats.tensors[name], key) == pytest.approx(value, rel=1e-5), (name, key)


def test_a_number_of_the_whole_batch_is_one_row():
    """The sum over a batch has no axis at all, and so has its gradient."""
    layouts = {"sum": BatchLayout(None), "each": BatchLayout(0)}
    program = SimpleNamespace(samples=lambda name, value: layouts[name].samples_first(value))

    assert module.rows_of_tensor(program, "sum", torch.tensor(3.0)).tolist() == [[3.0]]
    assert module.rows_of_tensor(program, "each", torch.ones(4)).shape == (4, 1)
    assert module.rows_of_tensor(program, "each", torch.ones(4, 2, 3)).shape == (4, 6)


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_a_network_with_a_number_of_the_whole_batch_is_measured(metric):
    class Sums(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 3)

        def forward(self, x):
            y = self.a(x)
            return self.b(y) + y.sum() * 0

    torch.manual_seed(0)
    program = capture(Sums().eval(), torch.randn(4, 6), "net")
    data = torch.randn(8, 6)

    def batches():
        return iter([data])

    stats = sensitivity(program, batches, measure(program, batches), metric, 0)
    stats = code_tensors(program, batches, stats)

    assert {name for name, *_ in stats.distortions} >= {"a", "b"}
