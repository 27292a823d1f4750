"""Several outputs that are scored each on its own."""

import pytest
import torch
from answers import PLAN

from autosplit.errors import DataError
from autosplit.evaluate.task import CLASSIFICATION, REGRESSION, SEVERAL
from autosplit.evaluate.tasks.several import SeveralRecord, labels_of, labels_of_one
from autosplit.evaluate.tasks.tasks import ScoredOutput, TaskChoice

CHOICE = TaskChoice(
    SEVERAL, (ScoredOutput("kind", 0, CLASSIFICATION), ScoredOutput("age", 2, REGRESSION))
)
FLOAT = (torch.eye(4)[:, :3], torch.zeros(4, 9), torch.tensor([[1.0], [2.0], [3.0], [4.0]]))
LABELS = {"kind": torch.tensor([0, 1, 2, 2]), "age": torch.tensor([1.0, 2.0, 3.0, 6.0])}


def filled(outputs, labels=LABELS):
    judge = CHOICE.judge(None, None)
    record = judge.empty()
    record.total = 4
    record.add(judge.read(outputs, labels, 4, FLOAT))
    return record


def test_the_accuracy_is_the_mean_of_the_outputs():
    """Of the kinds 3 of 4 are right; R2 of the ages is 1 - 4 / 14."""
    row = filled(FLOAT).float_row()

    assert row["mean_accuracy"] == pytest.approx((0.75 + 1 - 4 / 14) / 2)
    assert row["per_output"]["kind"]["top1"] == 0.75
    assert row["per_output"]["age"]["mae"] == 0.5


def test_the_drop_is_the_mean_of_the_outputs():
    worse = (FLOAT[0].roll(1, 1), FLOAT[1], FLOAT[2])
    reference, plan = filled(FLOAT), filled(worse)
    row = plan.plan_row(PLAN, reference)

    assert row["drop"] == pytest.approx(75 / 2)
    assert plan.lost(reference, 37.0, 1)
    assert not plan.lost(reference, 38.0, 1)


def test_an_output_without_labels_is_compared_with_float():
    row = filled(FLOAT, {"kind": LABELS["kind"]}).float_row()

    assert row["mean_accuracy"] == 0.75
    assert row["mean_agreement"] == 1.0


def test_labels_are_found_by_name_or_place():
    assert labels_of(LABELS, "age", 1) is LABELS["age"]
    assert labels_of([1, 2], "age", 1) == 2
    assert labels_of(None, "age", 1) is None
    with pytest.raises(DataError, match=r"several outputs are scored, .* got one tensor"):
        labels_of(torch.ones(4), "age", 1)


def test_a_record_is_read_back():
    record = filled(FLOAT)

    assert SeveralRecord.of(record.data()) == record


@pytest.mark.parametrize("labels", [LABELS, (LABELS["kind"], torch.zeros(4), LABELS["age"])])
def test_one_output_takes_its_own_of_the_labels_of_several(labels):
    """Labels by name, or one for each output in their order: R2 of the ages is 1 - 4 / 14."""
    choice = TaskChoice(REGRESSION, (ScoredOutput("age", 2, REGRESSION),))
    judge = choice.judge(None, None)
    record = judge.empty()
    record.total = 4
    record.add(judge.read(FLOAT, labels, 4, FLOAT))

    assert record.float_row()["r2"] == pytest.approx(1 - 4 / 14)


def test_labels_of_one_output_are_kept_as_they_are():
    boxes = ("no tensor", "no tensor")

    assert labels_of_one(None, "age", 2) is None
    assert labels_of_one(LABELS["age"], "age", 2) is LABELS["age"]
    assert labels_of_one({"kind": LABELS["kind"]}, "age", 2) is None
    assert labels_of_one((LABELS["kind"],), "age", 2) is None
    assert labels_of_one(boxes, "age", 0) is boxes
