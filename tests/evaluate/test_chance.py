"""A float network that guesses is told; one that is right is not."""

import numpy as np
import pytest
import torch
from torch.nn.functional import one_hot

from autosplit.data.coco import Truth
from autosplit.evaluate.average_precision import FoundBoxes
from autosplit.evaluate.chance import guessing, is_guess, is_refused
from autosplit.evaluate.task import TASKS
from autosplit.evaluate.tasks.detection import BoxRecord
from autosplit.evaluate.tasks.tasks import READERS, SCORERS

DRAWN = torch.Generator().manual_seed(0)
CLASSES = torch.randint(5, (200,), generator=DRAWN)
TOKENS = torch.randint(5, (20, 10), generator=DRAWN)
PIXELS = torch.randint(5, (4, 10, 10), generator=DRAWN)
YES = CLASSES % 2
NUMBERS = torch.randn(200, generator=DRAWN)


def record(task, outputs, labels):
    found = SCORERS[task]()
    found.add(READERS[task]((outputs,), labels, len(outputs), (outputs,)))
    return found


def random(*shape):
    return torch.randn(shape, generator=DRAWN)


RIGHT = {
    "classification": (one_hot(CLASSES, 5).float(), CLASSES),
    "binary": (YES.float() - 0.5, YES),
    "multi-label": (one_hot(CLASSES, 5) - 0.5, one_hot(CLASSES, 5)),
    "regression": (NUMBERS + 0.1, NUMBERS),
    "segmentation": (
        one_hot(PIXELS, 5).permute(0, 3, 1, 2).float().repeat(4, 1, 1, 1),
        PIXELS.repeat(4, 1, 1),
    ),
    "embedding": (one_hot(CLASSES, 5).float() + 0.1 * random(200, 5), CLASSES),
    "sequence-labelling": (one_hot(TOKENS, 5).float(), TOKENS),
    "language-modelling": (one_hot(TOKENS.roll(-1, 1), 5).float(), TOKENS),
}
GUESSED = {
    "classification": (random(200, 5), CLASSES),
    "binary": (random(200, 1), YES),
    "multi-label": (random(200, 5), one_hot(CLASSES, 5)),
    "regression": (random(200), NUMBERS),
    "segmentation": (
        one_hot(PIXELS * 0, 5).permute(0, 3, 1, 2).float().repeat(4, 1, 1, 1),
        PIXELS.repeat(4, 1, 1),
    ),
    "embedding": (random(200, 5), CLASSES),
    "sequence-labelling": (random(20, 10, 5), TOKENS),
    "language-modelling": (random(20, 10, 5), TOKENS),
}


@pytest.mark.parametrize("task", RIGHT)
def test_a_network_that_is_right_is_no_guess(task):
    assert guessing(record(task, *RIGHT[task]), 5) == ""


@pytest.mark.parametrize("task", GUESSED)
def test_a_network_that_guesses_is_told(task):
    assert guessing(record(task, *GUESSED[task]), 5) != ""


@pytest.mark.parametrize("task", GUESSED)
def test_without_labels_nothing_is_known(task):
    assert guessing(record(task, GUESSED[task][0], None), 5) == ""


def test_every_task_but_a_persons_own_has_a_level():
    others = {"detection", "own-score", "several"}

    assert set(RIGHT) == set(GUESSED) == {task.name for task in TASKS} - others


def test_one_answer_to_all_is_a_guess_however_often_it_is_right():
    outputs = torch.tensor([[1.0, 0.0]]).repeat(100, 1)
    labels = torch.tensor([0] * 95 + [1] * 5)

    assert guessing(record("classification", outputs, labels), 2) == (
        "must do better than guessing, every one of 100 samples gets the class 0"
    )


@pytest.mark.parametrize(
    ("hits", "count", "chance", "guess"),
    [
        (0, 5, 0.1, True),  # 0 of 5 rules out more than 0.52, which is below 0.55
        (0, 4, 0.1, False),  # and 0 of 4 no more than 0.60
        (2, 4, 0.5, False),  # too few to rule out 0.75
        (10, 20, 0.5, True),
        (20, 20, 0.5, False),
        (300, 1000, 0.1, False),  # bad, and better than guessing
        (5, 5, 1.0, False),
    ],
)
def test_a_guess_is_a_statement_of_probability(hits, count, chance, guess):
    assert is_guess(hits, count, chance) == guess


def test_few_images_say_nothing():
    assert guessing(record("classification", random(8, 5), CLASSES[:8]), 5) == ""


@pytest.mark.parametrize(
    ("crowds", "told"),
    [
        ((True,), "must have an AP, has none, every annotated box is of a crowd (iscrowd)"),
        (
            (False,),
            "must have an AP of at least 5 %, has 0.00 %: the boxes that it finds hardly fit",
        ),
    ],
)
def test_a_detector_that_fits_no_annotation_guesses_even_on_one_picture(crowds, told):
    box = (1.0, 1.0, 4.0, 4.0)
    there = Truth(64, 64, (box,), (0,), (16.0,), crowds)
    elsewhere = FoundBoxes(np.array([[40.0, 40.0, 9.0, 9.0]]), np.array([0.9]), np.array([0]))
    record = BoxRecord(1, ("hand",), [elsewhere], [there])

    assert guessing(record, 1).startswith(told)
    assert is_refused(record)
    fits = FoundBoxes(np.array([box]), np.array([0.9]), np.array([0]))
    if not crowds[0]:
        assert guessing(BoxRecord(1, ("hand",), [fits], [there]), 1) == ""
    assert guessing(BoxRecord(1, ("hand",), [elsewhere]), 1) == ""


def test_a_detector_without_any_annotated_box_is_told_so():
    somewhere = FoundBoxes(np.array([[40.0, 40.0, 9.0, 9.0]]), np.array([0.9]), np.array([0]))
    record = BoxRecord(1, ("hand",), [somewhere], [Truth(64, 64)])

    assert guessing(record, 1) == "must have an AP, has none, no picture has an annotated box"
    assert is_refused(record)


@pytest.mark.parametrize(("count", "refused"), [(40, False), (50, True)])
def test_a_guess_of_any_other_task_is_refused_of_enough_samples(count, refused):
    whole = record("classification", random(count, 5), CLASSES[:count])

    assert is_refused(whole) == refused


@pytest.mark.parametrize("task", ["sequence-labelling", "language-modelling"])
def test_texts_are_counted_by_their_tokens(task):
    """6 texts have 60 tokens, 54 of them with a next one; 2 have 20 at most."""
    guesses = random(6, 10, 5)

    some = record(task, guesses, TOKENS[:6])
    assert "tokens are right" in guessing(some, 5)
    assert is_refused(some)
    assert not is_refused(record(task, guesses[:2], TOKENS[:2]))


def test_tokens_without_a_label_do_not_count():
    hidden = torch.where(torch.arange(10) < 2, TOKENS[:6], -100)

    assert not is_refused(record("sequence-labelling", random(6, 10, 5), hidden))


@pytest.mark.parametrize("task", ["binary", "multi-label"])
@pytest.mark.parametrize("label", [0, 1])
def test_labels_that_are_all_the_same_are_guessed_like_a_coin(task, label):
    """Of 200 answers 81 are right, less than a coin; of 200 with 190 right nothing is told."""
    labels = torch.full((200, 1), label)
    bad, good = ((torch.arange(200) < hits)[:, None] for hits in (81, 190))

    told = guessing(record(task, (bad == label).float() - 0.5, labels), 1)
    assert told == (
        f"must do better than guessing, all labels are {label}, and 81 of 200 answers are right, "
        "guessing is right 1 time in 2"
    )
    assert guessing(record(task, (good == label).float() - 0.5, labels), 1) == ""


def test_numbers_that_are_all_the_same_have_no_r2_however_few():
    told = guessing(record("regression", random(4), torch.full((4,), 2.5)), None)

    assert told == "R2 is undefined, all labels are 2.5"
