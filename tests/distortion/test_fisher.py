"""The Fisher metric against its definition."""

import pytest
import torch
from dense import batches, classifier, measured, quantized

from autosplit.distortion.metrics import sensitivity
from autosplit.quantize.affine import fake_quantize


@pytest.mark.parametrize("width", [2, 4])
def test_the_fisher_metric_of_a_last_layer_by_hand(width):
    """d loss / d logits = p - one-hot of the label that was drawn, with the same seed.

    A weight is the same for all samples of a batch: the square is that of their summed gradient.
    """
    network = classifier()
    program, stats = measured(network)
    found = sensitivity(program, batches, stats, "fisher", seed=5, finished=False)
    random = torch.Generator().manual_seed(5)
    of_answer, of_weight = 0.0, 0.0
    weight = network.last.weight.detach()
    moved = fake_quantize(weight, stats.grids["last", "weight", width], 0) - weight
    with torch.no_grad():
        for images in batches():
            hidden = network.middle(network.first(images).relu()).relu()
            logits = network.last(hidden)
            labels = torch.multinomial(logits.softmax(1), 1, generator=random)
            slope = logits.softmax(1).scatter_add(1, labels, torch.full(labels.shape, -1.0))
            error = quantized(stats, "last", width, logits) - logits
            of_answer += float((slope.square() * error.square()).sum())
            of_weight += float(((slope.T @ hidden).square() * moved.square()).sum())
    expected = [pytest.approx(total / 2 / 32, rel=1e-4) for total in (of_answer, of_weight)]
    got = [found.distortions["last", role, width].distortion for role in ("activation", "weight")]
    assert got == expected
