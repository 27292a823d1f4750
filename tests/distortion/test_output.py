"""Projections of errors on gradients against a Jacobian that is known, and a network run again."""

import pytest
import torch
from dense import IMAGES, batches, classifier, linear, measured, quantized

from autosplit.distortion import output, replayed
from autosplit.distortion.metrics import sensitivity


@pytest.mark.parametrize("width", [2, 4, 8])
def test_the_output_of_a_linear_network_changes_by_its_matrix(width, monkeypatch):
    """J = W2, so the metric is half of mean ||W2 d||^2 over mean ||output||^2."""
    monkeypatch.setattr(output, "PROBES", 400)
    network = linear()
    program, stats = measured(network)
    got = sensitivity(program, batches, stats, "output").distortions["first", "activation", width]
    with torch.no_grad():
        hidden = network.first(IMAGES)
        moved = (quantized(stats, "first", width, hidden) - hidden) @ network.last.weight.T
        answer = network(IMAGES)
    ratios = [
        moved[part].square().sum() / answer[part].square().sum() * 16 / 32 / 2
        for part in (slice(0, 16), slice(16, 32))
    ]
    assert got.distortion == pytest.approx(float(sum(ratios)), rel=0.15)


@pytest.mark.parametrize("key", [("first", "activation"), ("middle", "activation")])
@pytest.mark.parametrize("width", [3, 5, 8])
def test_projections_agree_with_running_the_network_again(key, width, monkeypatch):
    monkeypatch.setattr(output, "PROBES", 8)  # as many as classes: no sampling error
    monkeypatch.setattr(replayed, "REPLAYS", 0.0)
    network = classifier()
    program, stats = measured(network)
    got = sensitivity(program, batches, stats, "output").distortions[(*key, width)].distortion
    with torch.no_grad():
        hidden = network.first(IMAGES).relu()
        if key[0] == "middle":
            hidden = network.middle(hidden).relu()
        hidden = quantized(stats, key[0], width, hidden)
        if key[0] == "first":
            hidden = network.middle(hidden).relu()
        logits = network(IMAGES), network.last(hidden)
        before, after = (value.double().log_softmax(1) for value in logits)
        brute = float((before.exp() * (before - after)).sum() / 32)
    assert got == pytest.approx(brute, rel={3: 0.3, 5: 0.15, 8: 0.1}[width])


def test_samples_are_taken_apart_without_a_difference(monkeypatch):
    monkeypatch.setattr(output, "PROBES", 8)
    program, stats = measured(classifier())
    whole = sensitivity(program, lambda: iter([IMAGES]), stats, "output").distortions
    halves = sensitivity(program, batches, stats, "output").distortions
    key = ("first", "activation", 4)
    assert whole[key].distortion == pytest.approx(halves[key].distortion, rel=1e-4)


@pytest.mark.parametrize("power", [-70, 0, 70])
def test_products_of_any_size_are_squared(power, denormals):
    assert output._squared(torch.full((2, 3), 2.0**power)) == 6 * 4.0**power
