"""What every record can do, of whichever task."""

import json

import pytest
from answers import JUDGES, PLAN, outputs, wrong_outputs

from autosplit.evaluate.task import FLOAT, TASKS

NAMES = sorted(JUDGES)


def filled(name, seed, batches=2, total=4):
    judge, record = JUDGES[name], JUDGES[name].empty()
    record.total = total
    for number in range(batches):
        answers = outputs(name, seed + number)
        record.add(judge.read(answers, None, 2, answers))
    return record


@pytest.mark.parametrize("name", NAMES)
def test_a_record_counts_images_and_is_done_with_the_last(name):
    seen = [(record.seen, record.done) for record in (filled(name, 0, n) for n in range(3))]

    assert seen == [(0, False), (2, False), (4, True)]
    assert not JUDGES[name].empty().done


@pytest.mark.parametrize("name", NAMES)
def test_a_record_survives_its_file(name):
    record = filled(name, 1)

    found = type(record).of(json.loads(json.dumps(record.data())))

    assert found.data() == record.data()
    assert (found.seen, found.total, found.task) == (4, 4, record.task)


@pytest.mark.parametrize("name", NAMES)
def test_rows_have_columns_of_the_task_alone(name):
    (task,) = (task for task in TASKS if task.name == name)
    reference, plan = filled(name, 2), filled(name, 3, batches=1)

    rows = [reference.float_row(), plan.plan_row(PLAN, reference)]

    assert [row["name"] for row in rows] == [FLOAT, "p"]
    assert [row["images"] for row in rows] == [4, 2]
    assert all(set(row) <= {*task.scores_header, "per_class", "per_output"} for row in rows)
    assert JUDGES[name].empty().plan_row(PLAN, reference) is None


@pytest.mark.parametrize("name", NAMES)
def test_the_same_answers_lose_nothing(name):
    reference, same = filled(name, 4), filled(name, 4)
    reference.check()

    assert same.plan_row(PLAN, reference)["drop"] == pytest.approx(0.0)
    assert not same.lost(reference, 0.0, 1)


@pytest.mark.parametrize("name", NAMES)
def test_answers_that_are_all_wrong_lose_more_than_is_allowed(name):
    reference, wrong = filled(name, 5), JUDGES[name].empty()
    wrong.total = 4
    for number in range(2):
        turned, right = wrong_outputs(name, 5 + number), outputs(name, 5 + number)
        wrong.add(JUDGES[name].read(turned, None, 2, right))

    assert wrong.plan_row(PLAN, reference)["drop"] > 50
    assert wrong.lost(reference, 50.0, 1)
