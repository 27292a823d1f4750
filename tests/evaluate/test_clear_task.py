"""What shapes and labels make clear, beside what ``test_choice`` has."""

import pytest
import torch

from autosplit.evaluate.clear_task import about_labels, class_rows, clear_task, suggested_tasks


@pytest.mark.parametrize(
    ("shape", "first"),
    [
        ((4,), "binary"),
        ((4, 1), "binary"),
        ((4, 2), "classification"),
        ((4, 2, 3, 3), "segmentation"),
    ],
)
def test_the_likely_task_is_suggested_first(shape, first):
    assert suggested_tasks(torch.zeros(shape))[0] == first


def test_labels_are_told_in_words():
    assert about_labels(None) == "no labels"
    assert about_labels(torch.zeros(2, 3)) == "labels that are numbers of shape (2, 3)"
    assert about_labels(torch.zeros(2).long()) == "labels that are whole numbers of shape (2,)"
    assert about_labels({}) == "labels that are a dict"


def test_names_of_scores_tell_without_labels():
    task, why = clear_task("logits", torch.zeros(2, 4, 3), None, bounded=False)

    assert (task.name, why) == ("sequence-labelling", "the output is called logits")
    assert clear_task("hidden", torch.zeros(2, 4, 3), None, bounded=False)[0] is None


def test_counts_are_no_answers_of_yes_or_no():
    task, _ = clear_task(
        "x", torch.zeros(2, 3), torch.tensor([[1, 2, 3], [4, 5, 6]]), bounded=False
    )

    assert task is None


ROWS = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (ROWS, "one-hot"),
        (ROWS.long(), "one-hot"),
        (torch.tensor([[0.25, 0.5, 0.25], [1.0, 0.0, 0.0]]), "probabilities"),
        (torch.tensor([[0.3, 0.3, 0.4]]).half(), "probabilities"),
        (torch.tensor([[0, 1, 1], [1, 0, 0]]), ""),  # two labels for one sample
        (torch.tensor([[0, 0, 0], [1, 0, 0]]), ""),
        (torch.tensor([[2.0, -1.0, 0.0]]), ""),
        (torch.tensor([[1.0], [1.0]]), ""),
        (torch.tensor([0.0, 1.0]), ""),
    ],
)
def test_rows_that_give_one_class_are_known(labels, words):
    assert class_rows(labels, -1) == words
    if words:
        value = torch.zeros(labels.shape)
        assert clear_task("output", value, labels, bounded=False)[0] is None
        assert f"labels that are {words} of shape" in about_labels(labels)


def test_maps_of_a_class_for_each_pixel_are_unclear_too():
    maps = torch.eye(3)[torch.randint(3, (2, 4, 4))].permute(0, 3, 1, 2)

    assert class_rows(maps, 1) == "one-hot"
    assert clear_task("output", torch.zeros(maps.shape), maps, bounded=False)[0] is None
