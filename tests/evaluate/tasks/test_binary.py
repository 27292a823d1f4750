"""Answers of yes or no: counts by hand, and torchmetrics."""

import pytest
import torch
from torchmetrics.classification import MultilabelAUROC, MultilabelF1Score

from autosplit.errors import DataError
from autosplit.evaluate.tasks.binary import BinaryRecord, MultiLabelRecord, read_yes_no

SCORES = torch.tensor([[0.9], [0.2], [0.6], [0.4]])
LABELS = torch.tensor([1, 0, 0, 1])


def filled(scores, labels, reference=None, kind=BinaryRecord, *, probabilities=True):
    record = kind(total=len(scores))
    ref = None if reference is None else (reference,)
    record.add(read_yes_no((scores,), labels, len(scores), ref, probabilities=probabilities))
    return record


def test_counts_by_hand():
    """Right are 0.9 and 0.2; of yes and no, 3 of 4 pairs are in order; F1 = 2 / (2 + 1 + 1)."""
    scores = filled(SCORES, LABELS).scores()

    assert scores["accuracy"] == 0.5
    assert scores["f1"] == pytest.approx(0.5)
    assert scores["auroc"] == pytest.approx(0.75)
    assert (scores["agreement"], scores["kl"]) == (1.0, 0.0)


def test_logits_and_probabilities_are_one():
    logits = SCORES.logit()

    assert filled(logits, LABELS, probabilities=False).scores() == pytest.approx(
        filled(SCORES, LABELS).scores()
    )


def test_agreement_is_about_the_sides_of_the_threshold():
    found = filled(torch.tensor([0.9, 0.2, 0.4, 0.4]), None, SCORES).scores()

    assert found["agreement"] == 0.75
    assert found["accuracy"] is None
    # only the third differs: 0.6 ln (0.6 / 0.4) + 0.4 ln (0.4 / 0.6), a quarter of it
    assert found["kl"] == pytest.approx((0.6 - 0.4) * 0.4054651081 / 4, rel=1e-6)


def test_labels_by_torchmetrics():
    drawn = torch.Generator().manual_seed(1)
    scores = torch.rand(50, 3, generator=drawn)
    labels = torch.randint(2, (50, 3), generator=drawn)
    found = filled(scores, labels, kind=MultiLabelRecord).scores()

    assert found["label_accuracy"] == pytest.approx(
        float(((scores > 0.5) == labels).float().mean())
    )
    assert found["f1"] == pytest.approx(float(MultilabelF1Score(3)(scores, labels)), abs=1e-6)
    assert found["auroc"] == pytest.approx(float(MultilabelAUROC(3)(scores, labels)), abs=1e-6)


def test_labels_of_one_kind_have_no_area():
    assert filled(SCORES, torch.ones(4)).scores()["auroc"] is None


def test_nan_is_a_no():
    assert filled(torch.tensor([float("nan")]), torch.tensor([1])).scores()["accuracy"] == 0.0


@pytest.mark.parametrize(
    ("scores", "labels", "problem"),
    [
        (torch.ones(2, 1, 1), None, r"\(batch,\) or \(batch, labels\), got \(2, 1, 1\)"),
        (torch.ones(2, 1), torch.tensor([0, 2]), "labels must be 0 or 1 .*, got 2"),
        (torch.ones(2, 3), torch.tensor([0, 1]), r"for each of 3 answers .* shape \(2,\)"),
    ],
)
def test_other_answers_and_labels_are_refused(scores, labels, problem):
    with pytest.raises(DataError, match=problem):
        filled(scores, labels)
