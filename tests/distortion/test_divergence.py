"""Output vectors against the divergence they stand for, worked out in full."""

import math

import pytest
import torch

from autosplit.distortion.divergence import (
    is_classifier,
    kl_divergence,
    kl_terms,
    label_loss,
    output_divergence,
    probes,
)

LOGITS = torch.tensor([[2.0, 0.0, -1.0, 0.5], [0.1, 0.0, 3.0, -2.0]])


def squared(outputs, errors, count, seed=0):
    """Sum of the squared products of all vectors with an error, over all samples."""
    random = torch.Generator().manual_seed(seed)
    return sum(
        float(
            torch.stack([(v * d).flatten(1).sum(1) for v, d in zip(vector, errors, strict=True)])
            .sum(0)
            .square()
            .sum()
        )
        for vector in probes(outputs, count, random)
    )


def fisher(logits, error):
    """d^T (diag p - p p^T) d, summed over the samples."""
    p = logits.softmax(1)
    return float(((p * error**2).sum(1) - (p * error).sum(1) ** 2).sum())


def test_one_vector_per_class_gives_the_fisher_metric_exactly():
    error = torch.randn(LOGITS.shape, generator=torch.Generator().manual_seed(1))
    assert squared([LOGITS], [error], 4) == pytest.approx(fisher(LOGITS, error), rel=1e-5)


def test_fewer_vectors_than_classes_give_it_on_average():
    error = torch.randn(LOGITS.shape, generator=torch.Generator().manual_seed(1))
    mean = sum(squared([LOGITS], [error], 2, seed) for seed in range(400)) / 400
    assert mean == pytest.approx(fisher(LOGITS, error), rel=0.1)


def test_for_small_errors_twice_the_divergence_is_the_fisher_metric():
    error = 1e-3 * torch.randn(LOGITS.shape, generator=torch.Generator().manual_seed(1))
    got = output_divergence([LOGITS.double()], [(LOGITS + error).double()])
    assert 2 * got == pytest.approx(fisher(LOGITS.double(), error.double()), rel=0.01)


def test_divergence_of_two_classes_by_hand():
    """From (1/2, 1/2) to (3/4, 1/4): ln(1/2 / 3/4) / 2 + ln(1/2 / 1/4) / 2 = ln(4/3) / 2."""
    after = torch.tensor([[math.log(3.0), 0.0]])
    assert output_divergence([torch.zeros(1, 2)], [after]) == pytest.approx(math.log(4 / 3) / 2)


def test_other_networks_are_measured_by_relative_square_of_each_output():
    """Halves of 1 / 4 and of 4 / 100, for two outputs and one sample."""
    before = [torch.tensor([[[2.0, 0.0]]]), torch.tensor([[10.0]])]
    after = [torch.tensor([[[2.0, 1.0]]]), torch.tensor([[12.0]])]
    assert not is_classifier(before)
    assert output_divergence(before, after) == pytest.approx((1 / 4 + 4 / 100) / 2 / 2)
    errors = [b - a for a, b in zip(before, after, strict=True)]
    mean = sum(squared(before, errors, 3, seed) for seed in range(300)) / 300
    assert mean == pytest.approx(2 * output_divergence(before, after), rel=0.15)


def test_outputs_of_zeros_do_not_count():
    zeros = [torch.zeros(2, 1, 3), torch.zeros(2, 1)]
    assert output_divergence(zeros, [torch.ones(2, 1, 3), torch.ones(2, 1)]) == 0
    assert squared(zeros, [torch.ones(2, 1, 3), torch.ones(2, 1)], 2) == 0


def test_drawn_labels_have_gradients_of_mean_zero():
    logits = LOGITS.repeat(4000, 1).requires_grad_()
    label_loss([logits], torch.Generator().manual_seed(0)).backward()
    assert logits.grad.view(4000, 2, 4).mean(0).abs().max() < 0.03
    assert logits.grad.abs().max() > 0.1


def test_probabilities_below_the_normal_numbers_count_as_zero_on_every_processor(denormals):
    """exp(-95) = 5.5e-42: the one class that is left has no vector, for it cannot change."""
    logits = torch.tensor([[0.0, -95.0]])
    vectors = list(probes([logits], 2, torch.Generator().manual_seed(0)))

    assert all(not vector.any() for (vector,) in vectors)


def test_outputs_below_the_normal_numbers_count_as_zeros_on_every_processor(denormals):
    tiny = [torch.full((1, 1, 3), 1e-39)]

    assert output_divergence(tiny, [torch.ones(1, 1, 3)]) == 0
    assert squared(tiny, [torch.ones(1, 1, 3)], 2) == 0


def test_a_class_that_is_ruled_out_adds_nothing_to_the_divergence():
    """Two classes of one half each; the third is impossible in both, and in one alone."""
    before = torch.tensor([[0.0, 0.0, -math.inf]])
    after = torch.tensor([[0.0, math.log(3.0), -math.inf]], requires_grad=True)

    found = kl_terms(before, after).sum()
    found.backward()

    assert found.item() == pytest.approx(0.5 * math.log(2.0) + 0.5 * math.log(2.0 / 3.0))
    assert torch.allclose(after.grad, torch.tensor([[-0.25, 0.25, 0.0]]))
    assert kl_divergence(before, torch.zeros(1, 3)) == pytest.approx(math.log(1.5))
