"""A person's own score."""

import pytest
import torch

from autosplit.errors import DataError
from autosplit.evaluate.tasks.own_score import OwnScore, OwnScoreRecord, checked_function

OUTPUTS = (torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[5.0], [6.0]]))


def filled(function, outputs=OUTPUTS[:1], labels=None):
    record = OwnScoreRecord(total=2)
    record.add(OwnScore(function, "mine", ("a", "b"))(outputs, labels, 2, outputs))
    return record


def test_the_score_is_the_mean_over_samples():
    record = filled(lambda answers, labels: answers[:, 0] == labels, labels=torch.tensor([1, 9]))

    assert record.scores()["score"] == 0.5
    assert record.shares().won.tolist() == [1.0, 0.0]


def test_several_outputs_come_by_name():
    record = filled(lambda answers, _: answers["b"][:, 0] / answers["a"][:, 1], OUTPUTS)

    assert record.scores()["score"] == pytest.approx((5 / 2 + 6 / 4) / 2)


def test_scores_outside_of_0_to_1_have_no_bound():
    assert filled(lambda answers, _: answers[:, 0]).shares() is None


def test_one_number_is_that_of_the_batch_and_has_no_bound():
    record = filled(lambda answers, _: 0.25)

    assert record.scores()["score"] == 0.25
    assert record.shares() is None


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (lambda *_: 1 / 0, "mine: must return scores, got ZeroDivisionError"),
        (lambda answers, _: answers, r"each of 2 samples, or one number, got shape \(2, 2\)"),
        (lambda *_: [float("nan"), 0.0], "scores must be finite"),
        (lambda *_: "good", "mine: must return scores, got"),
    ],
)
def test_what_is_no_score_is_one_line(function, problem):
    with pytest.raises(DataError, match=problem):
        filled(function)


def test_an_error_in_a_score_names_its_line():
    def score(*_):
        raise ValueError("no")

    line = score.__code__.co_firstlineno + 1
    with pytest.raises(DataError, match=rf"got ValueError: no at {__file__}:{line}$"):
        filled(score)


def test_an_error_in_what_a_score_gives_names_no_line():
    with pytest.raises(DataError) as caught:
        filled(lambda *_: "good")

    assert " at " not in str(caught.value)


def test_a_function_can_be_called():
    with pytest.raises(DataError, match="mine: must be a function of"):
        checked_function({}, "mine")


def test_a_function_that_ends_the_process_is_one_line():
    def leaves(outputs, labels):
        raise SystemExit(3)

    with pytest.raises(DataError, match="own: must return scores, got SystemExit: 3"):
        OwnScore(leaves, "own", ("output",))((torch.zeros(2, 3),), None, 2)
