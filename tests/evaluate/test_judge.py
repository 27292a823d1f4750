"""Judges: what each reads, its records take, and no two records are one."""

import pytest
import torch
from answers import JUDGES, outputs


@pytest.mark.parametrize("name", sorted(JUDGES))
def test_answers_that_a_judge_reads_are_those_its_record_takes(name):
    judge = JUDGES[name]
    record = judge.empty()

    record.add(judge.read(outputs(name, 0), None, 2, None))

    assert record.seen == 2
    assert record.task.name == name


@pytest.mark.parametrize("name", sorted(JUDGES))
def test_each_record_begins_empty(name):
    judge = JUDGES[name]
    judge.empty().add(judge.read(outputs(name, 0), None, 2, None))

    assert judge.empty().seen == 0


@pytest.mark.parametrize("name", sorted(JUDGES))
def test_reading_leaves_outputs_as_they_were(name):
    before = outputs(name, 1)
    given = outputs(name, 1)

    JUDGES[name].read(given, None, 2, given)

    assert all(map(torch.equal, given, before))
