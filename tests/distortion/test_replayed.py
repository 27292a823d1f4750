"""What is run again equals a whole run with one tensor quantized."""

import pytest
import torch
from dense import IMAGES, batches, classifier, linear, measured, quantized

from autosplit.capture.replay import ReplayedRun, Wiring
from autosplit.distortion import replayed
from autosplit.distortion.finished_share import Gains
from autosplit.distortion.metrics import sensitivity


def test_what_matters_most_is_run_again_exactly(monkeypatch):
    monkeypatch.setattr(replayed, "_SURE", 0.0)
    network = classifier()
    program, stats = measured(network)
    got = sensitivity(program, batches, stats, "output").distortions
    with torch.no_grad():
        hidden = quantized(stats, "first", 2, network.first(IMAGES).relu())
        after = network.last(network.middle(hidden).relu()).log_softmax(1)
        before = network(IMAGES).log_softmax(1)
    brute = float((before.exp() * (before - after)).sum() / 32)
    assert got["first", "activation", 2].distortion == pytest.approx(brute, rel=1e-4)


@pytest.mark.parametrize("replays", [0.0, 1e9])
def test_what_finishing_gains_is_counted_once(replays, monkeypatch):
    """The answer is linear in the weight, so its squared change falls by the share that is left."""
    monkeypatch.setattr(replayed, "REPLAYS", replays)
    monkeypatch.setattr(replayed, "_SURE", 0.0)
    mixed = IMAGES @ torch.randn(6, 6, generator=torch.Generator().manual_seed(1))
    program, stats = measured(linear(), lambda: iter([mixed]))
    key = ("last", "weight", 2)
    wiring = Wiring(program)
    gains = Gains(program, wiring, 0)
    gains.see(ReplayedRun(wiring, (mixed,), []))
    done, plain = (
        sensitivity(program, lambda: iter([mixed]), stats, finished=finished).distortions[key]
        for finished in (True, False)
    )
    share = gains.left(key, stats.weight_grids)

    assert share < 0.9
    assert done.distortion == pytest.approx(share * plain.distortion, rel=1e-3)
