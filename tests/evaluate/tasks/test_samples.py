"""What all tasks share that keep statistics of samples."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torchmetrics.functional.audio import signal_noise_ratio
from torchmetrics.functional.regression import kl_divergence, r2_score

from autosplit.errors import DataError
from autosplit.evaluate.tasks.binary import BinaryRecord
from autosplit.evaluate.tasks.regression import NumberRecord
from autosplit.evaluate.tasks.samples import (
    Shares,
    kl_per_sample,
    mean_of,
    moved,
    r2_vs_float,
    sqnr_db,
    tensor_labels,
)
from autosplit.evaluate.tasks.tasks import READERS
from autosplit.evaluate.tasks.tokens import TokenRecord

DRAWN = torch.Generator().manual_seed(0)
REFERENCE = torch.randn(6, 4, generator=DRAWN)
OWN = REFERENCE + torch.randn(6, 4, generator=DRAWN) / 10


def filled(own=OWN):
    record = NumberRecord(total=6)
    record.add(moved([own], [REFERENCE]))
    return record


def test_sqnr_is_that_of_torchmetrics():
    expected = signal_noise_ratio(OWN.double().flatten(), REFERENCE.double().flatten())

    assert sqnr_db(filled()) == pytest.approx(float(expected), rel=1e-6)
    assert sqnr_db(filled(REFERENCE)) is None


def test_r2_against_float_is_that_of_torchmetrics():
    expected = r2_score(OWN.double().flatten(), REFERENCE.double().flatten())

    assert r2_vs_float(filled()) == pytest.approx(float(expected), rel=1e-9)
    assert r2_vs_float(filled(REFERENCE)) == 1.0


def test_kl_is_that_of_torchmetrics():
    p, q = REFERENCE.double().log_softmax(1), OWN.double().log_softmax(1)
    expected = [
        float(kl_divergence(a[None], b[None], log_prob=True)) for a, b in zip(p, q, strict=True)
    ]

    assert kl_per_sample(OWN, REFERENCE).tolist() == pytest.approx(expected, rel=1e-6)


def test_kl_of_a_sequence_is_the_mean_of_its_places():
    own, ref = OWN.reshape(2, 3, 4), REFERENCE.reshape(2, 3, 4)

    expected = kl_per_sample(OWN, REFERENCE).reshape(2, 3).mean(1)
    assert torch.allclose(kl_per_sample(own, ref), expected)


def tokens(hits, lengths, total=None):
    record = TokenRecord(total=total or len(hits))
    record.values = {"tokens": lengths, "same": hits, "kl": [0.0] * len(hits), "hits": hits}
    return record


class TestLost:
    """Sentences of four tokens: float is right on three of each."""

    REFERENCE = tokens([3] * 100, [4] * 100)

    def test_a_plan_that_loses_much_is_stopped_before_the_end(self):
        plan = tokens([0] * 64, [4] * 64, total=100)

        assert plan.lost(self.REFERENCE, 1.0, 3)
        assert not plan.lost(self.REFERENCE, 74.0, 3)

    def test_a_plan_that_is_as_good_is_never_stopped(self):
        assert not tokens([3] * 64, [4] * 64, total=100).lost(self.REFERENCE, 0.0, 3)

    def test_what_is_certain_counts(self):
        # 180 of 300 tokens lost; the last 40 sentences can win one token each: (180 - 40) / 400
        plan = tokens([0] * 60, [4] * 60, total=100)

        assert plan.least_drop(self.REFERENCE, 10**300) == pytest.approx(100 * 140 / 400)

    def test_at_the_end_the_drop_itself_decides(self):
        plan = tokens([2] * 100, [4] * 100)

        assert plan.drop(self.REFERENCE) == 25.0
        assert plan.lost(self.REFERENCE, 24.9, 3)
        assert not plan.lost(self.REFERENCE, 25.0, 3)

    def test_without_a_mean_over_samples_there_is_no_bound(self):
        assert filled().least_drop(filled(REFERENCE), 1) is None

    def test_hits_have_the_bound_of_classification(self):
        labels = {"label": torch.ones(100, 1).long(), "kl": torch.zeros(100)}
        right = {"score": torch.ones(100, 1), "same": torch.ones(100, 1).bool()} | labels
        wrong = {"score": torch.zeros(100, 1), "same": torch.zeros(100, 1).bool()} | labels
        reference, plan = BinaryRecord(total=100), BinaryRecord(total=100)
        reference.add(right)
        plan.add({name: value[:16] for name, value in wrong.items()})

        assert plan.lost(reference, 45.0, 3)
        assert not plan.lost(reference, 90.0, 3)


def test_a_plan_stopped_early_is_compared_on_the_same_samples():
    reference = tokens([4, 4, 0, 0], [4] * 4)
    plan = tokens([3, 3], [4, 4], total=4)

    row = plan.plan_row(SimpleNamespace(name="p", crossing_bytes=3), reference)

    assert (row["images"], row["token_accuracy"], row["drop"]) == (2, 0.75, 25.0)


def test_shares_know_hits_from_numbers():
    ones = np.ones(3)
    assert Shares(np.array([0.0, 1.0, 1.0]), ones).are_hits
    assert not Shares(np.array([0.0, 0.5, 1.0]), ones).are_hits
    assert not Shares(np.array([0.0, 1.0, 1.0]), 4 * ones).are_hits
    assert Shares(np.array([0.0, 1.0, 1.0]), ones).accuracy == pytest.approx(2 / 3)


def test_a_record_of_uneven_statistics_is_refused():
    with pytest.raises(ValueError, match="equally many samples"):
        TokenRecord.of({"total": 2, "values": {"tokens": [1], "same": [1, 2]}})


def test_labels_of_several_outputs_are_no_tensor():
    assert tensor_labels(None, "x") is None
    with pytest.raises(DataError, match="one tensor of labels for x, has dict"):
        tensor_labels({"a": torch.ones(1)}, "x")


def test_the_mean_of_nothing_is_unknown():
    assert (mean_of([]), mean_of([1, 2])) == (None, 1.5)


@pytest.mark.parametrize(("bad", "told"), [(torch.nan, "NaN"), (-torch.inf, "infinity")])
@pytest.mark.parametrize("task", ["regression", "binary", "multi-label"])
def test_labels_that_are_not_finite_are_refused_whatever_the_task(task, bad, told):
    outputs, labels = torch.zeros(4, 1), torch.tensor([0.0, bad, 1.0, bad])

    expected = f"^evaluation data: labels must be finite, got {told} in 2 of 4$"
    with pytest.raises(DataError, match=expected):
        READERS[task]((outputs,), labels, 4, (outputs,))
