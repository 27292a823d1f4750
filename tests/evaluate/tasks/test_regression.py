"""Regression: R2 and MAE are those of torchmetrics."""

import pytest
import torch
from torchmetrics.functional.regression import mean_absolute_error, r2_score

from autosplit.errors import DataError
from autosplit.evaluate.tasks.regression import NumberRecord, read_numbers

DRAWN = torch.Generator().manual_seed(0)


def filled(own, truth, size=7):
    record = NumberRecord(total=len(own))
    for first in range(0, len(own), size):
        part = own[first : first + size]
        labels = None if truth is None else truth[first : first + size]
        record.add(read_numbers((part,), labels, len(part), (part,)))
    return record


@pytest.mark.parametrize("shape", [(30,), (30, 1), (30, 4)])
def test_numbers_are_those_of_torchmetrics(shape):
    truth = 5 + 3 * torch.randn(shape, generator=DRAWN)
    own = truth + torch.randn(shape, generator=DRAWN)
    scores = filled(own, truth).scores()

    assert scores["r2"] == pytest.approx(float(r2_score(own, truth)), abs=1e-5)
    assert scores["mae"] == pytest.approx(float(mean_absolute_error(own, truth)), abs=1e-6)
    assert (scores["r2_vs_float"], scores["sqnr_db"]) == (1.0, None)


def test_all_numbers_of_a_map_count_as_one():
    truth = torch.randn(6, 2, 3, 3, generator=DRAWN)
    own = truth + torch.randn(truth.shape, generator=DRAWN) / 4

    expected = r2_score(own.flatten(), truth.flatten())
    assert filled(own, truth).scores()["r2"] == pytest.approx(float(expected), abs=1e-5)


def test_answers_of_one_number_need_no_column():
    truth = torch.randn(8, generator=DRAWN)

    assert filled(truth[:, None], truth).scores()["r2"] == 1.0


def test_a_column_of_one_number_has_no_r2():
    """Of two columns the second is 0.1 throughout; the sum of 0.1 rounds."""
    first = torch.randn(30, generator=DRAWN)
    truth = torch.stack([first, torch.full((30,), 0.1)], 1)
    own = truth + torch.randn(30, 2, generator=DRAWN) / 2
    both, constant = filled(own, truth), filled(own[:, 1:], truth[:, 1:])

    assert both.scores()["r2"] == pytest.approx(float(r2_score(own[:, 0], first)), abs=1e-5)
    assert (both.constant, filled(own, None).constant) == ("", "")
    assert constant.scores()["r2"] is None
    assert constant.constant == "all labels are 0.1"
    rows = torch.tensor([1.0, 2.0]).repeat(30, 1)
    assert filled(own, rows).constant == "no column has two labels"
    assert constant.scores()["mae"] == pytest.approx(float((own - truth)[:, 1].abs().mean()))


def test_plans_are_compared_with_float_where_no_label_differs():
    """The plan's answers are off by 1, 0, 0 from 1, 2, 3: R2 against float is 1 - 1 / 2."""
    truth, own = torch.full((3,), 2.5), torch.tensor([1.0, 2.0, 3.0])
    reference, plan = NumberRecord(3), NumberRecord(3)
    reference.add(read_numbers((own,), truth, 3, (own,)))
    plan.add(read_numbers((own - torch.tensor([1.0, 0, 0]),), truth, 3, (own,)))

    assert plan.drop(reference) == pytest.approx(50)
    assert plan.lost(reference, 49, 1)


def test_without_labels_float_is_the_truth():
    scores = filled(torch.randn(4, 2, generator=DRAWN), None).scores()

    assert (scores["r2"], scores["mae"], scores["r2_vs_float"]) == (None, None, 1.0)


def test_labels_of_another_shape_are_refused():
    with pytest.raises(DataError, match=r"answers \(4, 2\), got labels of shape \(4,\)"):
        filled(torch.ones(4, 2), torch.ones(4))
